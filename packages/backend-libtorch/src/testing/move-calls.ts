// Calls of kernels that make tensors, and that move elements.
import type { Draw } from "./draw.ts";
import { type Generators, generatorsFor } from "./kernel-call.ts";

const creation: Generators = {
  Fill: (draw) => {
    const dtype = draw.pick(["float32", "int32", "bool"] as const);
    return { inputs: {}, attributes: { shape: draw.shape(), value: dtype === "bool" ? 1 : draw.integer(-3, 3), dtype } };
  },
  ...generatorsFor(["ZerosLike", "OnesLike"], (draw) => ({ inputs: { x: draw.any(draw.shape()) } })),
  // A step that is no whole number: TF.js' cpu backend rounds the running sum to the dtype at each step.
  Range: (draw) => ({
    inputs: {},
    attributes: { start: draw.integer(-5, 5), stop: draw.integer(-9, 9), step: draw.pick([1, 2, -1, 3, -2]), dtype: draw.pick(["float32", "int32"]) },
  }),
  LinSpace: (draw) => ({ inputs: {}, attributes: { start: draw.integer(-5, 5), stop: draw.integer(-9, 9), num: draw.integer(1, 20) } }),
};

const shapes: Generators = {
  Identity: (draw) => ({ inputs: { x: draw.any(draw.shape()) } }),
  Reshape: (draw) => {
    const x = draw.any(draw.shape({ empty: false }));
    const factors = [2, 3].filter((factor) => x.values.length % factor === 0);
    return { inputs: { x }, attributes: { shape: factors.length > 0 ? [draw.pick(factors), -1] : [-1] } };
  },
  ExpandDims: (draw) => {
    const shape = draw.shape({ most: 4 });
    return { inputs: { input: draw.any(shape) }, attributes: { dim: draw.integer(-shape.length - 1, shape.length) } };
  },
};

const likeShape = (shape: readonly number[], axis: number, size: number) => shape.map((other, i) => (i === axis ? size : other));

const joins: Generators = {
  Concat: (draw) => {
    const shape = draw.shape({ least: 1 });
    const axis = draw.integer(0, shape.length - 1);
    const dtype = draw.pick(["float32", "int32", "bool"] as const);
    const inputs = draw.list(draw.integer(1, 4), () => draw.any(likeShape(shape, axis, draw.integer(0, 3)), dtype));
    return { inputs, attributes: { axis: draw.chance(0.3) ? axis - shape.length : axis } };
  },
  Pack: (draw) => {
    const shape = draw.shape({ most: 4 });
    const dtype = draw.pick(["float32", "int32", "bool"] as const);
    return { inputs: draw.list(draw.integer(1, 4), () => draw.any(shape, dtype)), attributes: { axis: draw.integer(0, shape.length) } };
  },
  Unpack: (draw) => {
    const shape = draw.shape({ least: 1, empty: false });
    return { inputs: { value: draw.any(shape) }, attributes: { axis: draw.axis(shape.length) } };
  },
  SplitV: (draw) => {
    const shape = draw.shape({ least: 1 });
    const axis = draw.integer(0, shape.length - 1);
    const sizes = draw.list(draw.integer(1, 4), () => draw.integer(0, 3));
    const whole = sizes.reduce((sum, size) => sum + size, 0);
    const equal = draw.chance(0.3);
    const x = draw.any(likeShape(shape, axis, equal ? 3 * sizes.length : whole));
    return { inputs: { x }, attributes: { numOrSizeSplits: equal ? sizes.length : sizes, axis: draw.chance(0.3) ? axis - shape.length : axis } };
  },
};

/** [begin, size] inside an axis. */
function part(draw: Draw, size: number): [number, number] {
  if (draw.chance(0.4)) return [0, size];
  const begin = draw.integer(0, size);
  return [begin, draw.integer(0, size - begin)];
}

/** Some elements of an axis, forwards or backwards, counted from its begin or its end. */
function range(draw: Draw, size: number): { begin: number; end: number; stride: number } {
  const stride = draw.pick([1, 1, 2, 3, -1, -2]);
  const begin = draw.integer(0, size - 1);
  if (stride < 0) return { begin, end: draw.integer(-size - 1, begin - 1 - size), stride };
  const end = draw.integer(begin + 1, size);
  return { begin: draw.chance(0.3) ? begin - size : begin, end: end < size && draw.chance(0.3) ? end - size : end, stride };
}

const slices: Generators = {
  Slice: (draw) => {
    const shape = draw.shape({ least: 1 });
    const parts = shape.map((size) => part(draw, size));
    return { inputs: { x: draw.any(shape) }, attributes: { begin: parts.map(([begin]) => begin), size: parts.map(([, size]) => size) } };
  },
  // Never empty, which TF.js' cpu backend takes for "to the end"; an axis is dropped only where every stride is 1, as there alone it can.
  StridedSlice: (draw) => {
    const shape = draw.shape({ least: 1, most: 4, empty: false });
    const mask = () => draw.integer(0, 2 ** shape.length - 1);
    const ranges = shape.map((size) => range(draw, size));
    const shrinkAxisMask = draw.chance(0.3) && ranges.every(({ stride }) => stride === 1) ? 1 : 0;
    const masks = { beginMask: mask() & ~shrinkAxisMask, endMask: mask(), ellipsisMask: 0, newAxisMask: 0, shrinkAxisMask };
    const [begin, end, strides] = [ranges.map((one) => one.begin), ranges.map((one) => one.end), ranges.map(({ stride }) => stride)];
    return { inputs: { x: draw.any(shape) }, attributes: { begin, end, strides, ...masks } };
  },
};

const paddings = (draw: Draw, shape: readonly number[], most: (size: number) => number) =>
  shape.map((size): [number, number] => (draw.chance(0.3) ? [0, 0] : [draw.integer(0, most(size)), draw.integer(0, most(size))]));

const moves: Generators = {
  Transpose: (draw) => {
    const shape = draw.shape({ most: 6 });
    return { inputs: { x: draw.any(shape) }, attributes: { perm: draw.permutation(shape.length) } };
  },
  Tile: (draw) => {
    const shape = draw.shape({ least: 1, most: 4 });
    return { inputs: { x: draw.any(shape) }, attributes: { reps: shape.map(() => draw.pick([1, 1, 2, 3])) } };
  },
  Reverse: (draw) => {
    const shape = draw.shape();
    return { inputs: { x: draw.any(shape) }, attributes: { dims: draw.axes(shape.length) } };
  },
  PadV2: (draw) => {
    const shape = draw.shape();
    const x = draw.any(shape);
    const constantValue = x.dtype === "bool" ? draw.integer(0, 1) : draw.integer(-2, 2);
    return { inputs: { x }, attributes: { paddings: paddings(draw, shape, () => 3), constantValue } };
  },
  MirrorPad: (draw) => {
    const shape = draw.shape({ least: 1, empty: false });
    const mode = draw.pick(["reflect", "symmetric"] as const);
    const most = (size: number) => (mode === "reflect" ? size - 1 : size);
    return { inputs: { x: draw.any(shape) }, attributes: { paddings: paddings(draw, shape, most), mode } };
  },
};

/** As float32: TF.js' cpu backend leaves float32 in the memory of whole numbers. */
const blockImage = (draw: Draw, batch: number, height: number, width: number, depth: number) => draw.floats([batch, height, width, depth]);

const blocks: Generators = {
  DepthToSpace: (draw) => {
    const blockSize = draw.integer(1, 3);
    const x = blockImage(draw, draw.integer(1, 2), draw.integer(1, 3), draw.integer(1, 3), blockSize * blockSize * draw.integer(1, 3));
    return { inputs: { x }, attributes: { blockSize, dataFormat: "NHWC" } };
  },
  SpaceToBatchND: (draw) => {
    const [height, width] = [draw.integer(1, 5), draw.integer(1, 5)];
    const x = blockImage(draw, draw.integer(1, 3), height, width, draw.integer(1, 3));
    return { inputs: { x }, attributes: { blockShape: [2, 3], paddings: [[0, height % 2], [(3 - (width % 3)) % 3, 0]] } };
  },
  BatchToSpaceND: (draw) => {
    const x = blockImage(draw, 6 * draw.integer(1, 2), draw.integer(1, 3), draw.integer(1, 3), draw.integer(1, 3));
    return { inputs: { x }, attributes: { blockShape: [2, 3], crops: [[draw.integer(0, 1), 0], [0, draw.integer(0, 2)]] } };
  },
};

export const moveCalls: Generators = { ...creation, ...shapes, ...joins, ...slices, ...moves, ...blocks };
