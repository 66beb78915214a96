// Images [N, H, W, C]: resizing and crops (native/kernels/image.cc), and boxes chosen from their scores, which TF.js does.
import { tf } from "@dinov2/tensor";
import type { LibtorchBackend } from "../backend.ts";
import { typedArrayOf } from "../dtypes.ts";
import { type KernelBodies, kernelsNamed, one } from "./kernel.ts";

interface ResizeAttributes {
  readonly size: [number, number];
  readonly alignCorners: boolean;
  readonly halfPixelCenters: boolean;
}

interface SuppressionAttributes {
  readonly maxOutputSize: number;
  readonly iouThreshold: number;
  readonly scoreThreshold: number;
  readonly padToMaxOutputSize: boolean;
  readonly softNmsSigma: number;
}

const numbersOf = (backend: LibtorchBackend, { dataId }: tf.TensorInfo) => backend.readSync(dataId) as Float32Array;

function vector(backend: LibtorchBackend, values: number[] | Float32Array, dtype: "int32" | "float32"): tf.TensorInfo {
  return { dataId: backend.write(typedArrayOf(values as tf.BackendValues, dtype), [values.length], dtype), shape: [values.length], dtype };
}

const resizeKernels: KernelBodies = {
  ...kernelsNamed(["ResizeBilinear", "ResizeNearestNeighbor"], (name) => (backend, { images }, attributes) => {
    const { size, alignCorners, halfPixelCenters } = attributes as unknown as ResizeAttributes;
    return one(backend.run(name, [images], [size, alignCorners, halfPixelCenters]));
  }),
  ...kernelsNamed(["ResizeBilinearGrad", "ResizeNearestNeighborGrad"], (name) => (backend, { images, dy }, attributes) => {
    const { alignCorners, halfPixelCenters } = attributes as unknown as ResizeAttributes;
    return one(backend.run(name, [images, dy], [alignCorners, halfPixelCenters]));
  }),
};

const suppressionKernels: KernelBodies = {
  NonMaxSuppressionV3: (backend, { boxes, scores }, attributes) => {
    const { maxOutputSize, iouThreshold, scoreThreshold } = attributes as unknown as SuppressionAttributes;
    const [box, score] = [numbersOf(backend, boxes!), numbersOf(backend, scores!)];
    const { selectedIndices } = tf.kernel_impls.nonMaxSuppressionV3Impl(box, score, maxOutputSize, iouThreshold, scoreThreshold);
    return vector(backend, selectedIndices, "int32");
  },
  NonMaxSuppressionV4: (backend, { boxes, scores }, attributes) => {
    const { maxOutputSize, iouThreshold, scoreThreshold, padToMaxOutputSize } = attributes as unknown as SuppressionAttributes;
    const [box, score] = [numbersOf(backend, boxes!), numbersOf(backend, scores!)];
    const chosen = tf.kernel_impls.nonMaxSuppressionV4Impl(box, score, maxOutputSize, iouThreshold, scoreThreshold, padToMaxOutputSize);
    return [vector(backend, chosen.selectedIndices, "int32"), { ...vector(backend, [chosen.validOutputs!], "int32"), shape: [] }];
  },
  NonMaxSuppressionV5: (backend, { boxes, scores }, attributes) => {
    const { maxOutputSize, iouThreshold, scoreThreshold, softNmsSigma } = attributes as unknown as SuppressionAttributes;
    const [box, score] = [numbersOf(backend, boxes!), numbersOf(backend, scores!)];
    const chosen = tf.kernel_impls.nonMaxSuppressionV5Impl(box, score, maxOutputSize, iouThreshold, scoreThreshold, softNmsSigma);
    return [vector(backend, chosen.selectedIndices, "int32"), vector(backend, chosen.selectedScores!, "float32")];
  },
};

export const imageKernels: KernelBodies = {
  ...resizeKernels,
  ...suppressionKernels,
  CropAndResize: (backend, { image, boxes, boxInd }, attributes) => {
    const { cropSize, method, extrapolationValue } = attributes as { cropSize: number[]; method: string; extrapolationValue: number };
    return one(backend.run("CropAndResize", [image, boxes, boxInd], [cropSize, method === "bilinear", extrapolationValue]));
  },
  FlipLeftRight: (backend, { image }) => one(backend.run("Reverse", [image], [[2]])),
};
