import { describe, expect, it } from "vitest";
import { environmentFor } from "./environment.ts";

const cudaFor = (device: string | undefined, visible?: string) =>
  environmentFor({ device, threads: 2 }, visible === undefined ? {} : { CUDA_VISIBLE_DEVICES: visible }).CUDA_VISIBLE_DEVICES;

describe("the environment that TensorFlow loads in", () => {
  it("holds the number of threads, and asks for no chatter and for full float32", () => {
    expect(environmentFor({ device: undefined, threads: 3 }, {})).toEqual({
      TF_NUM_INTRAOP_THREADS: "3",
      TF_CPP_MIN_LOG_LEVEL: "2",
      TF_FORCE_GPU_ALLOW_GROWTH: "true",
      NVIDIA_TF32_OVERRIDE: "0",
    });
  });

  it("keeps what the user has set", () => {
    const user = { TF_CPP_MIN_LOG_LEVEL: "0", TF_NUM_INTRAOP_THREADS: "8" };
    expect(Object.keys(environmentFor({ device: undefined, threads: 3 }, user))).toEqual(["TF_FORCE_GPU_ALLOW_GROWTH", "NVIDIA_TF32_OVERRIDE"]);
  });

  it("shows TensorFlow the one device that was asked for, counted among those the user lets it see", () => {
    expect(cudaFor(undefined)).toBeUndefined();
    expect(cudaFor("cpu", "4,7")).toBe("-1");
    expect(cudaFor("cuda")).toBe("0");
    expect(cudaFor("cuda:1")).toBe("1");
    expect(cudaFor("cuda", "4,7")).toBe("4");
    expect(cudaFor("cuda:1", "4,7")).toBe("7");
    expect(cudaFor("cuda:2", "4,7")).toBe("-1");
  });
});
