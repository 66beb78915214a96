import { util } from "@tensorflow/tfjs-core";
import type { FusedKernels } from "../context.ts";
import { rowsPerChunk } from "../context.ts";

export const residualKernels: FusedKernels = {
  LayerScaleResidual(context, { x, residual, gamma }) {
    const [rows, width] = x.shape as [number, number];
    const y = context.output([rows, width]);
    context.rowwise("layerScale", rows, width, [x, residual, gamma, y].map((info) => context.at(info)));
    return [y];
  },

  LayerScaleResidualGrad(context, { dy, residual, gamma }) {
    const [rows, width] = residual.shape as [number, number];
    const dResidual = context.output([rows, width]);
    const dGamma = context.output([width]);
    const pointers = [dy, residual, gamma, dResidual].map((info) => context.at(info));
    context.reducing("layerScaleGrad", rows, width, context.at(dGamma), (partial, size) => [...pointers, partial, rows, width, size]);
    return [dResidual, dGamma];
  },

  AddResidualSubset(context, { x, residual, gamma }, { indices, scales }) {
    const [, tokens, width] = x.shape as [number, number, number];
    const y = context.output([...x.shape]);
    context.elementwise("copy", util.sizeFromShape(x.shape), [context.at(x), context.at(y)]);
    const samples = indices.length;
    const size = rowsPerChunk(samples, tokens * width);
    context.withIntegers(indices, (taken) => context.withNumbers(scales, (factors) => {
      const pointers = [context.at(y), context.at(residual), gamma === undefined ? 0 : context.at(gamma), taken];
      context.pool.run("addSubset", Math.ceil(samples / size), [...pointers, tokens, width, factors, samples, size]);
    }));
    return [y];
  },

  AddResidualSubsetGrad(context, { dy, residual, gamma }, { indices, scales }) {
    const [samples, tokens, width] = residual.shape as [number, number, number];
    const dResidual = context.output([...residual.shape]);
    return context.withIntegers(indices, (taken) =>
      context.withNumbers(scales, (factors) => context.withFloats(width, (sums) => {
        const pointers = [context.at(dy), context.at(residual), gamma === undefined ? 0 : context.at(gamma), taken];
        context.reducing("addSubsetGrad", samples, width, sums, (partial, size) => [
          ...pointers, tokens, width, factors, samples, size, context.at(dResidual), partial,
        ], 1);
        if (gamma === undefined) return [dResidual];
        const dGamma = context.output([width]);
        context.elementwise("copy", width, [sums, context.at(dGamma)]);
        return [dResidual, dGamma];
      })),
    );
  },
};
