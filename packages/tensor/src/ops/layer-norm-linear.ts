// R rows, D width, O outputs.
import type * as tf from "@tensorflow/tfjs-core";
import { layerNormBackward, layerNormForward } from "./layer-norm.ts";
import { linearBackward, linearForward } from "./linear.ts";
import { assertShape, differentiable } from "./op.ts";

/** Weight [D] and bias [D] of a layer normalisation. */
export interface Normalization {
  readonly weight: tf.Tensor;
  readonly bias: tf.Tensor;
  readonly epsilon: number;
}

/** Weight [O, I] and bias [O] of a linear layer, as torch.nn.Linear keeps them. */
export interface LinearLayer {
  readonly weight: tf.Tensor;
  readonly bias: tf.Tensor | null;
}

/**
 * linear(layerNorm(x)), the beginning of a pre-norm residual branch, with the memory of one of the two: the
 * normalised rows are not kept for the gradient but made again from x, which costs one pass over them.
 *
 * @param x [R, D]
 * @param layer weight [O, D]
 * @returns [R, O]
 */
export function layerNormLinear(x: tf.Tensor2D, norm: Normalization, layer: LinearLayer): tf.Tensor2D {
  const width = x.shape[1];
  const { epsilon } = norm;
  const hasBias = layer.bias !== null;
  assertShape(x.rank === 2 && norm.weight.size === width && norm.bias.size === width && layer.weight.shape[1] === width, () =>
    `layerNormLinear: x [${x.shape}], norm [${norm.weight.shape}] and weight [${layer.weight.shape}] do not fit [R, D], [D], [O, D].`);
  const inputs = [x, norm.weight, norm.bias, layer.weight, ...(hasBias ? [layer.bias] : [])];
  return differentiable<tf.Tensor[]>(
    "layerNormLinear",
    inputs,
    () => {
      const [normalized, mean, rstd] = layerNormForward({ x, weight: norm.weight, bias: norm.bias }, { epsilon });
      const [y] = linearForward(
        { x: normalized, weight: layer.weight, ...(hasBias ? { bias: layer.bias } : {}) },
        { activation: "none" },
      );
      return { value: y, saved: [x, norm.weight, norm.bias, layer.weight, mean, rstd] };
    },
    (dy, [x, normWeight, normBias, weight, mean, rstd]) => {
      const [normalized] = layerNormForward({ x: x!, weight: normWeight!, bias: normBias! }, { epsilon });
      const [dNormalized, dWeight, dBias] = linearBackward({ dy, x: normalized, weight: weight! }, { activation: "none", hasBias });
      const [dx, dNormWeight, dNormBias] = layerNormBackward(
        { dy: dNormalized, x: x!, weight: normWeight!, mean: mean!, rstd: rstd! },
        {},
      );
      return [dx, dNormWeight, dNormBias, dWeight, ...(hasBias ? [dBias!] : [])];
    },
  ) as tf.Tensor2D;
}
