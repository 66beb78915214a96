import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import type { FusedKernels, KernelContext } from "../context.ts";
import { float } from "../pool.ts";

const squaresPerChunk = 65_536;

const total = (numbers: Iterable<number>) => [...numbers].reduce((sum, number) => sum + number, 0);

/** Σ of the squares of a tensor's elements. */
function squareSum(context: KernelContext, tensor: TensorInfo): number {
  const count = util.sizeFromShape(tensor.shape);
  const size = Math.max(squaresPerChunk, 4 * Math.ceil(count / 16_000));
  const chunks = Math.ceil(count / size);
  return context.withFloats(2 * chunks, (sums) => {
    context.pool.run("squareSums", chunks, [context.at(tensor), sums, count, size]);
    return total(context.readDoubles(sums, chunks));
  });
}

export const updateKernels: FusedKernels = {
  AdamWUpdate(context, inputs, attributes) {
    const { learningRates, weightDecays, gradientFactors, beta1, beta2, epsilon, firstCorrection, secondCorrection } = attributes;
    learningRates.forEach((learningRate, i) => {
      const pointers = inputs.slice(4 * i, 4 * i + 4).map((info) => context.at(info));
      context.elementwise("adamW", util.sizeFromShape(inputs[4 * i]!.shape), pointers, [
        float(1 - learningRate * weightDecays[i]!),
        float(beta1),
        float(beta2),
        float(learningRate / firstCorrection),
        float(1 / Math.sqrt(secondCorrection)),
        float(epsilon),
        float(1 - beta1),
        float(1 - beta2),
        float(gradientFactors[i]!),
      ]);
    });
    return [];
  },

  EmaUpdate(context, inputs, { momentum }) {
    for (let i = 0; i < inputs.length; i += 2) {
      const [teacher, student] = [inputs[i]!, inputs[i + 1]!];
      const pointers = [context.at(teacher), context.at(student)];
      context.elementwise("ema", util.sizeFromShape(teacher.shape), pointers, [float(momentum), float(1 - momentum)]);
    }
    return [];
  },

  GlobalNorm(context, inputs, { counts }) {
    const norms = context.output([counts.length]);
    let first = 0;
    const values = counts.map((count) => Math.sqrt(total(inputs.slice(first, (first += count)).map((info) => squareSum(context, info)))));
    context.writeFloats(norms, values);
    return [norms];
  },
};
