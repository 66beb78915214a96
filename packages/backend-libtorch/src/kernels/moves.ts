// Kernels that move elements: native/kernels/moves.cc. Where nothing moves, the memory is shared.
import { tf } from "@dinov2/tensor";
import type { LibtorchBackend } from "../backend.ts";
import { type Inputs, type KernelBodies, one } from "./kernel.ts";

const { parseAxisParam } = tf.util;

/** The one axis that `axis` names, from 0. */
const axisOf = (axis: unknown, shape: readonly number[]): number => parseAxisParam(axis as number, [...shape])[0]!;

/** True when only axes of size 1 change their place: all others come in their order. */
function movesNothing(shape: readonly number[], perm: readonly number[]): boolean {
  const isLong = (axis: number) => shape[axis] !== 1;
  return perm.length === shape.length && tf.util.arraysEqual(perm.filter(isLong), [...shape.keys()].filter(isLong));
}

function slice(backend: LibtorchBackend, x: tf.TensorInfo, begin: readonly number[], size: readonly number[]): tf.TensorInfo {
  if (size.every((count, axis) => count === x.shape[axis])) return backend.share(x, [...x.shape]);
  return one(backend.run("Slice", [x], [begin, size]));
}

function concat(backend: LibtorchBackend, inputs: Inputs, axis: unknown): tf.TensorInfo {
  const all = Object.values(inputs);
  const along = axisOf(axis, all[0]!.shape);
  const shapes = all.map(({ shape }) => shape);
  tf.backend_util.assertParamsConsistent(shapes, along);
  const shape = tf.backend_util.computeOutShape(shapes, along);
  const filled = all.filter(({ shape: sizes }) => tf.util.sizeFromShape(sizes) > 0);
  if (filled.length === 1) return backend.share(filled[0]!, shape);
  return one(backend.run("Concat", filled.length === 0 ? all : filled, [along]));
}

/** `pieces` outputs of a tensor that is cut along an axis. */
function splitV(backend: LibtorchBackend, x: tf.TensorInfo, numOrSizeSplits: number | number[], axis: number): tf.TensorInfo[] {
  const sizes = tf.backend_util.prepareSplitSize(x as tf.Tensor, numOrSizeSplits, axis);
  if (sizes.length === 1) return [backend.share(x, [...x.shape])];
  return backend.run("SplitV", [x], [axis, sizes], sizes.length);
}

function stridedSlice(backend: LibtorchBackend, x: tf.TensorInfo, attributes: StridedSliceAttributes): tf.TensorInfo {
  const { begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } = attributes;
  const info = tf.slice_util.sliceInfo(x.shape, begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask);
  if (info.isIdentity) return backend.share(x, info.finalShape);
  const size = tf.slice_util.computeOutShape(info.begin, info.end, info.strides).map((count) => Math.max(count, 0));
  return { ...one(backend.run("StridedSlice", [x], [info.begin, size, info.strides])), shape: info.finalShape };
}

interface StridedSliceAttributes {
  readonly begin: number[];
  readonly end: number[];
  readonly strides: number[];
  readonly beginMask: number;
  readonly endMask: number;
  readonly ellipsisMask: number;
  readonly newAxisMask: number;
  readonly shrinkAxisMask: number;
}

export const moveKernels: KernelBodies = {
  Transpose: (backend, { x }, attributes) => {
    const perm = attributes["perm"] as number[];
    if (movesNothing(x!.shape, perm)) return backend.share(x!, perm.map((axis) => x!.shape[axis]!));
    return one(backend.run("Transpose", [x], [perm]));
  },
  Slice: (backend, { x }, { begin, size }) => {
    const [from, sizes] = tf.slice_util.parseSliceParams(x!, begin as number[], size as number[]) as [number[], number[]];
    tf.slice_util.assertParamsValid(x!, from, sizes);
    return slice(backend, x!, from, sizes);
  },
  StridedSlice: (backend, { x }, attributes) => stridedSlice(backend, x!, attributes as unknown as StridedSliceAttributes),
  Concat: (backend, inputs, { axis }) => concat(backend, inputs, axis),
  Pack: (backend, inputs, { axis }) => {
    const parts = Object.values(inputs);
    const [first] = parts as [tf.TensorInfo];
    for (const part of parts) tf.util.assertShapesMatch(first.shape, part.shape, "All tensors passed to stack must have matching shapes");
    const shape = [...first.shape];
    shape.splice(axisOf(axis, [...shape, 1]), 0, 1);
    return parts.length === 1 ? backend.share(first, shape) : one(backend.run("Pack", parts, [axis as number]));
  },
  SplitV: (backend, { x }, { numOrSizeSplits, axis }) => splitV(backend, x!, numOrSizeSplits as number[], axisOf(axis, x!.shape)),
  Unpack: (backend, { value }, attributes) => {
    const axis = axisOf(attributes["axis"], value!.shape);
    const count = value!.shape[axis]!;
    if (count === 1) return [backend.share(value!, value!.shape.filter((_, i) => i !== axis))];
    return backend.run("Unpack", [value], [axis], count);
  },
  Tile: (backend, { x }, attributes) => {
    const reps = attributes["reps"] as number[];
    return reps.every((count) => count === 1) ? backend.share(x!, [...x!.shape]) : one(backend.run("Tile", [x], [reps]));
  },
  Reverse: (backend, { x }, { dims }) => {
    const axes = parseAxisParam(dims as number[], x!.shape).filter((axis) => x!.shape[axis] !== 1);
    return axes.length === 0 ? backend.share(x!, [...x!.shape]) : one(backend.run("Reverse", [x], [axes]));
  },
  PadV2: (backend, { x }, attributes) => {
    const { paddings, constantValue } = attributes as { paddings: [number, number][]; constantValue: number };
    if (paddings.every(([before, after]) => before === 0 && after === 0)) return backend.share(x!, [...x!.shape]);
    return one(backend.run("PadV2", [x], [paddings.flat(), constantValue]));
  },
  MirrorPad: (backend, { x }, attributes) => {
    const { paddings, mode } = attributes as { paddings: [number, number][]; mode: "reflect" | "symmetric" };
    return one(backend.run("MirrorPad", [x], [paddings.flat(), mode === "reflect" ? 0 : 1]));
  },
};
