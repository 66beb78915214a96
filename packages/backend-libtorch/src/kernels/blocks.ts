// Blocks of an image into channels or the batch, and back: views with their axes in another order (Rearrange of native/kernels/moves.cc).
import { tf } from "@dinov2/tensor";
import type { LibtorchBackend } from "../backend.ts";
import { type KernelBodies, one } from "./kernel.ts";

const { getReshaped, getPermuted, getReshapedPermuted, getSliceBeginCoords, getSliceSize } = tf.backend_util;

/** The second of two steps, after which the result of the first is not needed. */
function consume(backend: LibtorchBackend, first: tf.TensorInfo, second: (x: tf.TensorInfo) => tf.TensorInfo): tf.TensorInfo {
  try {
    return second(first);
  } finally {
    backend.disposeData(first.dataId);
  }
}

export const blockKernels: KernelBodies = {
  DepthToSpace: (backend, { x }, attributes) => {
    const { blockSize: block, dataFormat } = attributes as { blockSize: number; dataFormat: string };
    tf.util.assert(dataFormat === "NHWC", () => `DepthToSpace: the data format ${dataFormat} came, NHWC was expected; transpose the image.`);
    const [batch, height, width, depth] = x!.shape as [number, number, number, number];
    const channels = depth / (block * block);
    const shape = [batch, height * block, width * block, channels];
    return one(backend.run("Rearrange", [x], [[batch, height, width, block, block, channels], [0, 1, 3, 2, 4, 5], shape]));
  },
  SpaceToBatchND: (backend, { x }, attributes) => {
    const { blockShape, paddings } = attributes as { blockShape: number[]; paddings: number[][] };
    const blocks = tf.util.sizeFromShape(blockShape);
    const all = x!.shape.map((_, axis) => paddings[axis - 1] ?? [0, 0]);
    return consume(backend, one(backend.run("PadV2", [x], [all.flat(), 0])), (padded) => {
      const seen = getReshaped(padded.shape, blockShape, blocks, false);
      const order = getPermuted(seen.length, blockShape.length, false);
      return one(backend.run("Rearrange", [padded], [seen, order, getReshapedPermuted(padded.shape, blockShape, blocks, false)]));
    });
  },
  BatchToSpaceND: (backend, { x }, attributes) => {
    const { blockShape, crops } = attributes as { blockShape: number[]; crops: number[][] };
    const blocks = tf.util.sizeFromShape(blockShape);
    const seen = getReshaped(x!.shape, blockShape, blocks);
    const shape = getReshapedPermuted(x!.shape, blockShape, blocks);
    const [starts, sizes] = [getSliceBeginCoords(crops, blockShape.length), getSliceSize(shape, crops, blockShape.length)];
    const [begin, size] = [shape.map((_, axis) => starts[axis] ?? 0), shape.map((whole, axis) => sizes[axis] ?? whole)];
    return consume(backend, one(backend.run("Rearrange", [x], [seen, getPermuted(seen.length, blockShape.length), shape])), (whole) =>
      one(backend.run("Slice", [whole], [begin, size])));
  },
};
