import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { FusedKernels, KernelContext } from "../context.ts";
import { multiply, rowMajor, transposed } from "../product.ts";

/** Column sums of x [rows, width], the gradient of a bias. */
function columnSums(context: KernelContext, x: number, rows: number, width: number): TensorInfo {
  const sums = context.output([width]);
  context.reducing("columnSums", rows, width, context.at(sums), (partial, size) => [x, partial, rows, width, size]);
  return sums;
}

export const linearKernels: FusedKernels = {
  LinearFused(context, { x, weight, bias }, { activation }) {
    const [rows, depth] = x.shape as [number, number];
    const columns = weight.shape[0]!;
    const preActivation = context.output([rows, columns]);
    const y = activation === "gelu" ? context.output([rows, columns]) : undefined;
    multiply(context, {
      a: rowMajor(context.at(x), depth),
      b: transposed(rowMajor(context.at(weight), depth)),
      rows,
      depth,
      columns,
      c: context.at(preActivation),
      bias: bias === undefined ? 0 : context.at(bias),
      activated: y === undefined ? 0 : context.at(y),
    });
    return y === undefined ? [preActivation] : [y, preActivation];
  },

  LinearFusedGrad(context, { dy, x, weight, preActivation }, { hasBias }) {
    const [rows, inputs] = x.shape as [number, number];
    const outputs = weight.shape[0]!;
    const gradients = (dPre: number): [TensorInfo, TensorInfo, TensorInfo?] => {
      const dx = context.output([rows, inputs]);
      const dWeight = context.output([outputs, inputs]);
      const slopes = rowMajor(dPre, outputs);
      const weights = rowMajor(context.at(weight), inputs);
      multiply(context, { a: slopes, b: weights, rows, depth: outputs, columns: inputs, c: context.at(dx) });
      multiply(context, {
        a: transposed(slopes),
        b: rowMajor(context.at(x), inputs),
        rows: outputs,
        depth: rows,
        columns: inputs,
        c: context.at(dWeight),
      });
      return hasBias ? [dx, dWeight, columnSums(context, dPre, rows, outputs)] : [dx, dWeight];
    };
    if (preActivation === undefined) return gradients(context.at(dy));
    return context.withFloats(rows * outputs, (dPre) => {
      context.elementwise("geluGrad", rows * outputs, [context.at(dy), context.at(preActivation), dPre]);
      return gradients(dPre);
    });
  },
};
