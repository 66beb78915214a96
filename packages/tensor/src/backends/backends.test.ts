import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it, vi } from "vitest";
import { availableBackends, useBackend } from "./index.ts";
import type { BackendName } from "./index.ts";

describe("useBackend", () => {
  it("takes the embedded engine when nothing else is installed", async () => {
    const available = await availableBackends();
    const best = available.find((engine) => engine.available)!;
    const description = await useBackend();
    expect(description.name).toBe(best.name);
    expect(tf.getBackend()).toBe(best.name);
  });

  it("makes the named engine current and describes it", async () => {
    expect(await useBackend({ name: "cpu" })).toMatchObject({ name: "cpu", device: "cpu", threads: 1, precision: "fp32" });
    expect(tf.getBackend()).toBe("cpu");
    expect(await useBackend({ name: "wasm", threads: 1 })).toMatchObject({ name: "wasm", threads: 1 });
    expect(tf.getBackend()).toBe("wasm");
  });

  it("prints no advertisement on the first tensor", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    for (const name of ["cpu", "wasm"] as const) {
      await useBackend({ name });
      tf.add(1, 2).dispose();
    }
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });

  it("refuses what an engine cannot do in words that say what can", async () => {
    await expect(useBackend({ name: "wasm", precision: "bf16" })).rejects.toThrow('"wasm" computes in fp32 only, not bf16');
    await expect(useBackend({ name: "cpu", device: "cuda" })).rejects.toThrow('runs on device "cpu" only, not "cuda"');
    await expect(useBackend({ device: "tpu" })).rejects.toThrow('Unknown device "tpu"');
    await expect(useBackend({ threads: 0 })).rejects.toThrow("Number of threads 0");
    await expect(useBackend({ name: "wasn" as BackendName })).rejects.toThrow('did you mean "wasm"');
  });

  it("says which package an absent engine needs", async () => {
    for (const { name, available, reason } of await availableBackends()) {
      if (available) continue;
      expect(reason).toMatch(/installed|built|found/);
      await expect(useBackend({ name })).rejects.toThrow(`Backend "${name}" is not available`);
    }
  });
});
