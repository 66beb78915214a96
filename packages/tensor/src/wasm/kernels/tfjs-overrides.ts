// TF.js' own kernels that ours replace on this backend, where they apply; the stock ones serve the rest.
import { broadcast_util, util } from "@tensorflow/tfjs-core";
import type { KernelConfig, TensorInfo } from "@tensorflow/tfjs-core";
import type { KernelContext } from "../context.ts";
import { multiplyBatch, rowMajor, transposed } from "../product.ts";

type Inputs = Record<string, TensorInfo>;
/** Undefined when the stock kernel has to do it. */
type Override = (context: KernelContext, inputs: Inputs, attributes: Record<string, unknown>) => TensorInfo | undefined;

const sizeOf = ({ shape }: TensorInfo) => util.sizeFromShape(shape);

/** a b over matrices or batches of them; stock where a batch dimension is broadcast. */
function batchMatMul(context: KernelContext, inputs: Inputs, attributes: Record<string, unknown>): TensorInfo | undefined {
  const { a, b } = inputs as { a: TensorInfo; b: TensorInfo };
  if (a.dtype !== "float32" || b.dtype !== "float32") return undefined;
  const [aRows, aColumns] = a.shape.slice(-2) as [number, number];
  const [bRows, bColumns] = b.shape.slice(-2) as [number, number];
  const [rows, depth] = attributes["transposeA"] === true ? [aColumns, aRows] : [aRows, aColumns];
  const columns = attributes["transposeB"] === true ? bRows : bColumns;
  const aBatch = util.sizeFromShape(a.shape.slice(0, -2));
  const bBatch = util.sizeFromShape(b.shape.slice(0, -2));
  const batchShape = broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const batch = util.sizeFromShape(batchShape);
  if ((aBatch !== batch && aBatch !== 1) || (bBatch !== batch && bBatch !== 1) || depth === 0) return undefined;
  const c = context.output([...batchShape, rows, columns]);
  const left = rowMajor(context.at(a), aColumns);
  const right = rowMajor(context.at(b), bColumns);
  multiplyBatch(
    context,
    batch,
    {
      a: attributes["transposeA"] === true ? transposed(left) : left,
      b: attributes["transposeB"] === true ? transposed(right) : right,
      rows,
      depth,
      columns,
      c: context.at(c),
    },
    aBatch === 1 ? 0 : aRows * aColumns,
    bBatch === 1 ? 0 : bRows * bColumns,
  );
  return c;
}

/** Matrices only. */
function transpose(context: KernelContext, inputs: Inputs, attributes: Record<string, unknown>): TensorInfo | undefined {
  const { x } = inputs as { x: TensorInfo };
  const order = attributes["perm"] as number[];
  if (x.dtype !== "float32" || x.shape.length !== 2 || order[0] !== 1) return undefined;
  const [rows, columns] = x.shape as [number, number];
  const y = context.output([columns, rows]);
  context.rowwise("transpose", rows, columns, [context.at(x), context.at(y)]);
  return y;
}

function exponential(context: KernelContext, inputs: Inputs): TensorInfo | undefined {
  const { x } = inputs as { x: TensorInfo };
  if (x.dtype !== "float32") return undefined;
  const y = context.output(x.shape);
  context.elementwise("exponential", sizeOf(x), [context.at(x), context.at(y)]);
  return y;
}

/** The stock kernel copies; the memory can be shared, as the other backends do. */
function identity(context: KernelContext, inputs: Inputs): TensorInfo | undefined {
  const { x } = inputs as { x: TensorInfo };
  if (x.dtype === "string") return undefined;
  context.backend.incRef(x.dataId);
  return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
}

/** Of no terms, which is 0: the stock kernel leaves whatever its memory held. */
function emptySum(context: KernelContext, inputs: Inputs, attributes: Record<string, unknown>): TensorInfo | undefined {
  const { x } = inputs as { x: TensorInfo };
  if (x.dtype !== "float32" || sizeOf(x) > 0) return undefined;
  const axes = util.parseAxisParam(attributes["axis"] as number | number[], x.shape);
  const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const y = context.output(attributes["keepDims"] === true ? kept : x.shape.filter((_, axis) => !axes.includes(axis)));
  context.writeFloats(y, new Array<number>(sizeOf(y)).fill(0));
  return y;
}

const overrides: Readonly<Record<string, Override>> = {
  BatchMatMul: batchMatMul,
  Exp: exponential,
  Identity: identity,
  Sum: emptySum,
  Transpose: transpose,
};

/** `stock` with our kernel in front, or `stock` itself where we have none. */
export function withOverride(context: KernelContext, stock: KernelConfig): KernelConfig | undefined {
  const override = overrides[stock.kernelName];
  if (override === undefined) return undefined;
  return {
    ...stock,
    kernelFunc: (params) =>
      override(context, params.inputs as Inputs, (params.attrs ?? {}) as Record<string, unknown>) ?? stock.kernelFunc(params),
  };
}
