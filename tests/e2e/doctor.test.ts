import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { availableBackends } from "@dinov2/tensor";
import { describe, expect, it } from "vitest";
import { dinov2, dinov2Json } from "./command-line.ts";

interface Diagnosis {
  readonly machine: { readonly node: string; readonly cores: number };
  readonly images: { readonly sharp: string; readonly libvips: string };
  readonly backends: readonly { name: string; available: boolean; reason?: string }[];
  readonly backend: { readonly name: string; readonly precision: string; readonly library?: string };
  readonly speed: { readonly gigaflopsPerSecond: number };
}

describe("dinov2 doctor", () => {
  it("lists every engine with a reason where it is missing, and measures the one that was asked for", async () => {
    const { machine, images, backends, backend, speed } = await dinov2Json<Diagnosis>(["doctor", "--backend", "wasm"], tmpdir());
    expect(machine.node).toBe(process.versions.node);
    expect(images.libvips).toMatch(/^\d+\.\d+/);
    expect(backends.map(({ name }) => name)).toEqual(["libtorch", "tensorflow", "wasm", "cpu"]);
    expect(backends.filter(({ available, reason }) => !available && !reason)).toEqual([]);
    expect(backend.name).toBe("wasm");
    expect(speed.gigaflopsPerSecond).toBeGreaterThan(0.01);
  });

  it("finds the library of LibTorch, and computes in the precision that was asked for", async (context) => {
    const missing = (await availableBackends()).find(({ name }) => name === "libtorch")!.reason;
    context.skip(missing !== undefined, `libtorch: ${missing}`);
    const { backend } = await dinov2Json<Diagnosis>(["doctor", "--backend", "libtorch", "--precision", "bf16"], tmpdir());
    expect(backend).toMatchObject({ name: "libtorch", precision: "bf16" });
    expect(existsSync(backend.library!)).toBe(true);
  });

  it("fits a terminal of 80 columns", async () => {
    const { stdout } = await dinov2(["doctor", "--backend", "wasm"], tmpdir());
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    expect(stdout).toMatch(/available; --backend auto takes this one/);
  });
});
