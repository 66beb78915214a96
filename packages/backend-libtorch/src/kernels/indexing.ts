// Reading and writing at indices that are tensors: native/kernels/indexing.cc.
import { tf } from "@dinov2/tensor";
import { dtypeCode } from "../dtypes.ts";
import { type KernelBodies, one } from "./kernel.ts";

const { segment_util: segments, calculateShapes, prepareAndValidate } = tf.backend_util;

/** The axes of `shape` that indices [..., R] go over. */
function indexedSizes(shape: readonly number[], indices: tf.TensorInfo): number[] {
  const rank = indices.shape.length > 0 ? indices.shape.at(-1)! : 1;
  return shape.slice(0, rank);
}

export const indexingKernels: KernelBodies = {
  GatherV2: (backend, { x, indices }, attributes) => {
    const [axis] = tf.util.parseAxisParam(attributes["axis"] as number, x!.shape) as [number];
    const info = segments.collectGatherOpShapeInfo(x!, indices!, axis, (attributes["batchDims"] as number | undefined) ?? 0);
    const { batchSize, outerSize, dimSize, sliceSize, outputShape } = info;
    const perBatch = tf.util.sizeFromShape(indices!.shape) / batchSize;
    return one(backend.run("GatherV2", [x, indices], [[batchSize, outerSize, dimSize, sliceSize], [batchSize, perBatch], outputShape]));
  },
  GatherNd: (backend, { params, indices }) => {
    const [shape] = prepareAndValidate(params!, indices!);
    return one(backend.run("GatherNd", [params, indices], [indexedSizes(params!.shape, indices!), shape]));
  },
  ScatterNd: (backend, { indices, updates }, attributes) => {
    const shape = attributes["shape"] as number[];
    calculateShapes(updates!, indices!, shape);
    return one(backend.run("ScatterNd", [indices, updates], [indexedSizes(shape, indices!), shape]));
  },
  TensorScatterUpdate: (backend, { tensor, indices, updates }) => {
    calculateShapes(updates!, indices!, tensor!.shape);
    return one(backend.run("TensorScatterUpdate", [tensor, indices, updates], [indexedSizes(tensor!.shape, indices!)]));
  },
  SparseToDense: (backend, { sparseIndices, sparseValues, defaultValue }, attributes) => {
    const shape = attributes["outputShape"] as number[];
    calculateShapes(sparseValues!, sparseIndices!, shape);
    const sizes = indexedSizes(shape, sparseIndices!.shape.length > 1 ? sparseIndices! : { ...sparseIndices!, shape: [1] });
    return one(backend.run("SparseToDense", [sparseIndices, sparseValues, defaultValue], [sizes, shape]));
  },
  OneHot: (backend, { indices }, attributes) => {
    const { depth, onValue, offValue, dtype } = attributes as { depth: number; onValue: number; offValue: number; dtype: tf.DataType };
    return one(backend.run("OneHot", [indices], [depth, onValue, offValue, dtypeCode(dtype)]));
  },
  SearchSorted: (backend, { sortedSequence, values }, { side }) => one(backend.run("SearchSorted", [sortedSequence, values], [side === "right"])),
  TopK: (backend, { x }, { k }) => backend.run("TopK", [x], [k as number]),
  UnsortedSegmentSum: (backend, { x, segmentIds }, { numSegments }) =>
    one(backend.run("UnsortedSegmentSum", [x, segmentIds], [numSegments as number])),
};
