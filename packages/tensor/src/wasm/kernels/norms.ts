import type { FusedKernels } from "../context.ts";
import { float } from "../pool.ts";

export const normKernels: FusedKernels = {
  LayerNormFused(context, { x, weight, bias }, { epsilon }) {
    const [rows, width] = x.shape as [number, number];
    const y = context.output([rows, width]);
    const mean = context.output([rows]);
    const rstd = context.output([rows]);
    const pointers = [x, weight, bias, y, mean, rstd].map((info) => context.at(info));
    context.rowwise("layerNorm", rows, width, pointers, [float(epsilon)]);
    return [y, mean, rstd];
  },

  LayerNormFusedGrad(context, { dy, x, weight, mean, rstd }) {
    const [rows, width] = x.shape as [number, number];
    const dx = context.output([rows, width]);
    const dWeight = context.output([width]);
    const dBias = context.output([width]);
    const pointers = [dy, x, weight, mean, rstd, dx].map((info) => context.at(info));
    context.withFloats(2 * width, (sums) => {
      context.reducing("layerNormGrad", rows, 2 * width, sums, (partial, size) => [...pointers, partial, rows, width, size]);
      context.elementwise("copy", width, [sums, context.at(dWeight)]);
      context.elementwise("copy", width, [sums + 4 * width, context.at(dBias)]);
    });
    return [dx, dWeight, dBias];
  },

  L2Normalize(context, { x }, { epsilon }) {
    const [rows, width] = x.shape as [number, number];
    const y = context.output([rows, width]);
    const norm = context.output([rows]);
    context.rowwise("normalizeRows", rows, width, [context.at(x), 0, context.at(y), context.at(norm)], [float(epsilon)]);
    return [y, norm];
  },

  L2NormalizeGrad(context, { dy, y, norm }, { epsilon }) {
    const [rows, width] = y.shape as [number, number];
    const dx = context.output([rows, width]);
    const pointers = [dy, y, norm, dx].map((info) => context.at(info));
    context.rowwise("normalizeRowsGrad", rows, width, pointers, [float(epsilon)]);
    return [dx];
  },

  WeightNorm(context, { v, g }) {
    const [rows, width] = v.shape as [number, number];
    const w = context.output([rows, width]);
    const norm = context.output([rows]);
    const pointers = [v, g, w, norm].map((info) => context.at(info));
    context.rowwise("normalizeRows", rows, width, pointers, [float(0)]);
    return [w, norm];
  },

  WeightNormGrad(context, { dy, v, g, norm }) {
    const [rows, width] = v.shape as [number, number];
    const dv = context.output([rows, width]);
    const dg = context.output([rows, 1]);
    context.rowwise("weightNormGrad", rows, width, [dy, v, g, norm, dv, dg].map((info) => context.at(info)));
    return [dv, dg];
  },
};
