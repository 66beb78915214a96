import { util } from "@tensorflow/tfjs-core";
import type { FusedKernels } from "../context.ts";
import { float } from "../pool.ts";

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

  AddResidualSubset(context, { x, residual, gamma }, { indices, scale }) {
    const [, tokens, width] = x.shape as [number, number, number];
    const y = context.output([...x.shape]);
    context.elementwise("copy", util.sizeFromShape(x.shape), [context.at(x), context.at(y)]);
    context.withIntegers(indices, (rows) => {
      const pointers = [context.at(y), context.at(residual), gamma === undefined ? 0 : context.at(gamma), rows];
      context.pool.run("addSubset", indices.length, [...pointers, tokens, width, float(scale)]);
    });
    return [y];
  },

  AddResidualSubsetGrad(context, { dy, residual, gamma }, { indices, scale }) {
    const [samples, tokens, width] = residual.shape as [number, number, number];
    const dResidual = context.output([...residual.shape]);
    const dGamma = gamma === undefined ? undefined : context.output([width]);
    context.withIntegers(indices, (rows) => {
      context.withFloats(samples * width, (partial) => {
        const pointers = [context.at(dy), context.at(residual), gamma === undefined ? 0 : context.at(gamma), rows];
        context.pool.run("addSubsetGrad", samples, [...pointers, tokens, width, float(scale), context.at(dResidual), partial]);
        if (dGamma !== undefined) context.addRows(partial, samples, width, context.at(dGamma));
      });
    });
    return dGamma === undefined ? [dResidual] : [dResidual, dGamma];
  },
};
