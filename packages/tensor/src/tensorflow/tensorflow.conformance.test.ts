// Runs where `npm run build:tensorflow` has built the backend; elsewhere it says why not.
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { tensorflowEngine } from "../backends/tensorflow.ts";
import { useBackend } from "../index.ts";
import { describeBackendConformance } from "../testing/index.ts";

const missing = await tensorflowEngine.missing();
const start = () => useBackend({ name: "tensorflow", device: "cpu", threads: 2 });

if (missing === undefined) {
  describeBackendConformance("tensorflow", { setUp: start });
  describe("backend tensorflow", startTests);
} else {
  console.log(`skipped: backend tensorflow, as ${missing}`);
  it.skip(`backend tensorflow: ${missing}`, () => {});
}

function startTests(): void {
  it("says which TensorFlow it is", async () => {
    expect(await start()).toEqual({
      name: "tensorflow",
      device: "cpu",
      threads: 2,
      precision: "fp32",
      engine: expect.stringMatching(/^TensorFlow \d+\.\d+\.\d+/) as string,
    });
  });

  it("keeps its device and threads in a process, and says so", async () => {
    await start();
    expect(await useBackend({ name: "tensorflow", threads: 1 })).toMatchObject({ threads: 2, note: expect.stringContaining("2 threads") as string });
    await expect(useBackend({ name: "tensorflow", device: "cuda" })).rejects.toThrow('on "cpu" in this process, not on "cuda"');
  });

  it("refuses bf16", async () => {
    await expect(useBackend({ name: "tensorflow", precision: "bf16" })).rejects.toThrow('"tensorflow" computes in fp32 only, not bf16');
  });

  it("starts and computes without a word on stderr", () => {
    const script = `
      const { tf, useBackend } = await import("@dinov2/tensor");
      await useBackend({ name: "tensorflow", device: "cpu" });
      console.log(tf.getBackend(), ...tf.matMul([[1, 2]], [[3], [4]]).dataSync());`;
    const node = ["--conditions=@dinov2/source", "--import", "tsx", "--input-type=module", "-e", script];
    const { stdout, stderr } = spawnSync(process.execPath, node, { cwd: import.meta.dirname, encoding: "utf8" });
    expect({ stdout, stderr }).toEqual({ stdout: "tensorflow 11\n", stderr: "" });
  });
}
