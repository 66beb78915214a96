import { describe, expect, it } from "vitest";
import { describeBackend } from "./describe-backend.ts";

const backend = { name: "libtorch", engine: "LibTorch 2.13.0", device: "cpu", threads: 2, precision: "fp32" };

describe("describeBackend", () => {
  it("counts the threads of a processor", () => {
    expect(describeBackend(backend)).toBe("libtorch (LibTorch 2.13.0), 2 threads");
    expect(describeBackend({ ...backend, threads: 1 })).toBe("libtorch (LibTorch 2.13.0), 1 thread");
  });

  it("names a GPU as far as its driver does, and its memory", () => {
    const memoryBytes = { total: 80 * 2 ** 30, free: 79.5 * 2 ** 30 };
    const gpu = { ...backend, device: "cuda:1" };
    expect(describeBackend({ ...gpu, gpu: { name: "NVIDIA H100", memoryBytes } })).toBe(
      "libtorch (LibTorch 2.13.0), cuda:1 (NVIDIA H100, 80.0 GiB, 79.5 GiB free)",
    );
    expect(describeBackend({ ...gpu, gpu: { name: "", memoryBytes } })).toContain("cuda:1 (80.0 GiB, 79.5 GiB free)");
    expect(describeBackend(gpu)).toBe("libtorch (LibTorch 2.13.0), cuda:1");
  });

  it("adds the precision where products are not in fp32", () => {
    expect(describeBackend({ ...backend, precision: "bf16" })).toBe("libtorch (LibTorch 2.13.0), 2 threads, bf16");
  });
});
