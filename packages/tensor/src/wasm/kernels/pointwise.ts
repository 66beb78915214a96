import { util } from "@tensorflow/tfjs-core";
import type { FusedKernels } from "../context.ts";

export const pointwiseKernels: FusedKernels = {
  GeluFused(context, { x }) {
    const y = context.output(x.shape);
    context.elementwise("gelu", util.sizeFromShape(x.shape), [context.at(x), context.at(y)]);
    return [y];
  },

  GeluFusedGrad(context, { dy, x }) {
    const dx = context.output(x.shape);
    context.elementwise("geluGrad", util.sizeFromShape(x.shape), [context.at(dy), context.at(x), context.at(dx)]);
    return [dx];
  },

  SwigluFused(context, { x }) {
    const [rows, columns] = x.shape as [number, number];
    const y = context.output([rows, columns / 2]);
    context.rowwise("swiglu", rows, columns / 2, [context.at(x), context.at(y)]);
    return [y];
  },

  SwigluFusedGrad(context, { dy, x }) {
    const [rows, columns] = x.shape as [number, number];
    const dx = context.output([rows, columns]);
    context.rowwise("swigluGrad", rows, columns / 2, [context.at(dy), context.at(x), context.at(dx)]);
    return [dx];
  },
};
