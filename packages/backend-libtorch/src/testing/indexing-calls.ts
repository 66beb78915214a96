// Calls of kernels that read and write at indices.
import type { Draw, Operand } from "./draw.ts";
import type { Generators } from "./kernel-call.ts";

const sizeOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

/** Indices [...count, rank] into the first `rank` axes of `shape`. */
function indicesInto(draw: Draw, count: readonly number[], shape: readonly number[], rank: number): Operand {
  const rows = draw.list(sizeOf(count), () => shape.slice(0, rank).map((size) => draw.integer(0, size - 1)));
  return { shape: [...count, rank], dtype: "int32", values: rows.flat(), layout: "plain" };
}

/** What scatters [N, ...] into `shape`. */
function scatter(draw: Draw, shape: readonly number[]): { indices: Operand; updates: Operand } {
  const rank = draw.integer(1, shape.length);
  const count = draw.integer(1, 6);
  const indices = indicesInto(draw, [count], shape, rank);
  return { indices, updates: draw.any([count, ...shape.slice(rank)], draw.pick(["float32", "int32"])) };
}

const gathers: Generators = {
  GatherV2: (draw) => {
    const shape = draw.shape({ least: 1, most: 4, empty: false });
    const batchDims = draw.chance(0.3) ? draw.integer(0, shape.length - 1) : 0;
    const axis = draw.integer(batchDims, shape.length - 1);
    const count = [...shape.slice(0, batchDims), ...draw.shape({ most: 2 })];
    return { inputs: { x: draw.any(shape), indices: draw.integers(count, 0, shape[axis]! - 1) }, attributes: { axis, batchDims } };
  },
  GatherNd: (draw) => {
    const shape = draw.shape({ least: 1, most: 4, empty: false });
    const indices = indicesInto(draw, draw.shape({ least: 1, most: 2 }), shape, draw.integer(1, shape.length));
    return { inputs: { params: draw.any(shape), indices } };
  },
};

const scatters: Generators = {
  ScatterNd: (draw) => {
    const shape = draw.shape({ least: 1, most: 4, empty: false });
    return { inputs: { ...scatter(draw, shape) }, attributes: { shape } };
  },
  TensorScatterUpdate: (draw) => {
    const shape = draw.shape({ least: 1, most: 4, empty: false });
    const { indices, updates } = scatter(draw, shape);
    return { inputs: { tensor: draw.any(shape, updates.dtype), indices, updates } };
  },
  SparseToDense: (draw) => {
    const shape = draw.shape({ least: 1, most: 4, empty: false });
    const count = draw.integer(1, 5);
    const sparseValues = draw.any(draw.chance(0.3) ? [] : [count], draw.pick(["float32", "int32"]));
    const flat = shape.length === 1 && sparseValues.shape.length === 1 && draw.chance(0.5);
    const sparseIndices = indicesInto(draw, [count], shape, shape.length);
    const indices = flat ? { ...sparseIndices, shape: [count] } : sparseIndices;
    return { inputs: { sparseIndices: indices, sparseValues, defaultValue: draw.any([], sparseValues.dtype) }, attributes: { outputShape: shape } };
  },
  // The cpu backend gives float32 of whole numbers too.
  UnsortedSegmentSum: (draw) => {
    const shape = draw.shape({ least: 1, most: 4, empty: false });
    return { inputs: { x: draw.floats(shape), segmentIds: draw.integers([shape[0]!], -1, 5) }, attributes: { numSegments: draw.integer(1, 5) } };
  },
};

export const indexingCalls: Generators = {
  ...gathers,
  ...scatters,
  OneHot: (draw) => ({
    inputs: { indices: draw.integers(draw.shape({ most: 3 }), -1, 5) },
    attributes: { depth: draw.integer(1, 5), onValue: draw.integer(1, 3), offValue: draw.integer(-1, 0), dtype: draw.pick(["float32", "int32"]) },
  }),
  TopK: (draw) => {
    const shape = draw.shape({ least: 1, empty: false });
    const x = draw.chance(0.5) ? draw.integers(shape, -2, 2) : draw.floats(shape);
    return { inputs: { x }, attributes: { k: draw.integer(1, shape.at(-1)!), sorted: true } };
  },
  SearchSorted: (draw) => {
    const [rows, width, count] = [draw.integer(1, 3), draw.integer(1, 6), draw.integer(1, 5)];
    const unsorted = draw.integers([rows, width], 0, 5);
    const sorted = draw.list(rows, (row) => unsorted.values.slice(row * width, (row + 1) * width).sort((a, b) => a - b)).flat();
    const inputs = { sortedSequence: { ...unsorted, values: sorted }, values: draw.integers([rows, count], -1, 6) };
    return { inputs, attributes: { side: draw.pick(["left", "right"]) } };
  },
};
