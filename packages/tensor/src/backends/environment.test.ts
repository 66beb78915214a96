import { describe, expect, it } from "vitest";
import { backendFromEnvironment } from "./environment.ts";
import { useBackend } from "./index.ts";

describe("backendFromEnvironment", () => {
  it("names what is set, and leaves the rest to the engine", () => {
    const env = { DINOV2_BACKEND: "libtorch", DINOV2_DEVICE: "cuda:1", DINOV2_PRECISION: "bf16" };
    expect(backendFromEnvironment(env)).toEqual({ name: "libtorch", device: "cuda:1", precision: "bf16" });
    expect(backendFromEnvironment({ DINOV2_BACKEND: "wasm", DINOV2_DEVICE: "" })).toEqual({ name: "wasm" });
    expect(backendFromEnvironment({})).toEqual({});
  });

  it("hands a misspelt name to the check that every option goes through", async () => {
    await expect(useBackend(backendFromEnvironment({ DINOV2_BACKEND: "libtorhc" }))).rejects.toThrow('did you mean "libtorch"');
    await expect(useBackend(backendFromEnvironment({ DINOV2_PRECISION: "half" }))).rejects.toThrow('Unknown precision "half"');
  });
});
