import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { assembleKernels, generatedFile } from "./assemble.ts";

describe("the committed wasm kernels", () => {
  it("are what their sources compile to", async () => {
    expect(await assembleKernels()).toBe(await readFile(generatedFile, "utf8"));
  });
});
