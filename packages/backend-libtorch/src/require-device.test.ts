import { InputError } from "@dinov2/foundation";
import { describe, expect, it } from "vitest";
import { requireDevice } from "./require-device.ts";

const libtorch = { version: "2.0.0", libtorch: "/lib/torch" };

describe("requireDevice", () => {
  it("takes the processor anywhere, and a GPU that LibTorch sees", () => {
    requireDevice("cpu", { ...libtorch, cuda: false, gpus: 0 });
    requireDevice("cuda", { ...libtorch, cuda: true, gpus: 1 });
    requireDevice("cuda:1", { ...libtorch, cuda: true, gpus: 2 });
  });

  it.each<[device: string, cuda: boolean, gpus: number, says: string]>([
    ["cuda", false, 0, "was built without CUDA; use --device cpu, or run npm run build:native with"],
    ["cuda", true, 0, "has CUDA but sees no GPU; use --device cpu"],
    ["cuda:1", true, 1, "sees one GPU, cuda:0; use one that is there"],
    ["cuda:7", true, 4, "sees 4 GPUs, cuda:0 to cuda:3; use one that is there"],
  ])("refuses %s where LibTorch has CUDA: %s, and GPUs: %d", (device, cuda, gpus, says) => {
    const refused = () => requireDevice(device, { ...libtorch, cuda, gpus });
    expect(refused).toThrow(InputError);
    expect(refused).toThrow(`Device "${device}" is not available: LibTorch 2.0.0 (/lib/torch) ${says}`);
  });
});
