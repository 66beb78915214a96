import { util } from "@tensorflow/tfjs-core";
import type { FusedKernels } from "../context.ts";
import { float } from "../pool.ts";

const squaresPerChunk = 65_536;

export const updateKernels: FusedKernels = {
  AdamWUpdate(context, { parameter, gradient, firstMoment, secondMoment }, attributes) {
    const { learningRate, weightDecay, beta1, beta2, epsilon, firstCorrection, secondCorrection } = attributes;
    const pointers = [parameter, gradient, firstMoment, secondMoment].map((info) => context.at(info));
    context.elementwise("adamW", util.sizeFromShape(parameter.shape), pointers, [
      float(1 - learningRate * weightDecay),
      float(beta1),
      float(beta2),
      float(learningRate / firstCorrection),
      float(1 / Math.sqrt(secondCorrection)),
      float(epsilon),
      float(1 - beta1),
      float(1 - beta2),
    ]);
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

  GlobalNorm(context, inputs) {
    const norm = context.output([]);
    let total = 0;
    for (const tensor of inputs) {
      const count = util.sizeFromShape(tensor.shape);
      const size = Math.max(squaresPerChunk, 4 * Math.ceil(count / 16_000));
      const chunks = Math.ceil(count / size);
      context.withFloats(2 * chunks, (sums) => {
        context.pool.run("squareSums", chunks, [context.at(tensor), sums, count, size]);
        for (const sum of context.readDoubles(sums, chunks)) total += sum;
      });
    }
    context.writeFloat(norm, Math.sqrt(total));
    return [norm];
  },
};
