// R rows of the residual stream, K of them that a branch ran on, D width, I inputs of the branch's last layer, H hidden width.
import * as tf from "@tensorflow/tfjs-core";
import { addSubset, scalesOf } from "./add-residual-subset.ts";
import { geluBackward, geluForward } from "./gelu.ts";
import { gatherScaled } from "./gather-rows.ts";
import type { LinearLayer } from "./layer-norm-linear.ts";
import { addScaled } from "./layer-scale-residual.ts";
import { linearBackward, linearForward } from "./linear.ts";
import { assertShape, differentiable, kernel } from "./op.ts";
import { assertIndices } from "./rows.ts";
import { swigluBackward, swigluForward } from "./swiglu.ts";

export interface ResidualBranchEnd extends LinearLayer {
  /** What is done to the hidden rows first: "swiglu" halves their width. */
  readonly activation: "none" | "gelu" | "swiglu";
  /** [D] of LayerScale, or null. */
  readonly gamma: tf.Tensor | null;
  /** The distinct rows of x that the branch ran on (stochastic depth), and the factor that makes up for the others. */
  readonly subset?: { readonly rows: Int32Array; readonly scale: number | Float32Array };
}

type Activation = ResidualBranchEnd["activation"];

function activate(hidden: tf.Tensor, activation: Activation): tf.Tensor {
  switch (activation) {
    case "none":
      return hidden;
    case "gelu":
      return geluForward({ x: hidden }, {})[0];
    case "swiglu":
      return swigluForward({ x: hidden }, {})[0];
    default:
      return activation satisfies never;
  }
}

function activationGradient(dy: tf.Tensor, hidden: tf.Tensor, activation: Activation): tf.Tensor {
  switch (activation) {
    case "none":
      return dy;
    case "gelu":
      return geluBackward({ dy, x: hidden }, { overwriteDy: true })[0];
    case "swiglu":
      return swigluBackward({ dy, x: hidden }, {})[0];
    default:
      return activation satisfies never;
  }
}

const scaledLinearBackward = kernel("ScaledLinearGrad", ({ products, weight, gamma, sums, bias }) => {
  const dWeight = tf.mul(products, column(gamma));
  const alongWeight = tf.sum(tf.mul(weight, products), 1);
  return bias ? [dWeight, tf.add(alongWeight, tf.mul(bias, sums!)), tf.mul(sums!, gamma)] : [dWeight, alongWeight];
});

const column = (vector: tf.Tensor) => tf.reshape(vector, [-1, 1]);

/** dy of the rows that the branch ran on, times their factors. */
function gradientOfRows(dy: tf.Tensor, subset: ResidualBranchEnd["subset"]): tf.Tensor {
  if (subset === undefined) return dy;
  return gatherScaled({ x: dy }, { indices: subset.rows, scales: scalesOf(subset.scale, subset.rows.length) })[0];
}

function checkShapes(x: tf.Tensor2D, hidden: tf.Tensor2D, { weight, bias, activation, gamma, subset }: ResidualBranchEnd): void {
  const [outputs, inputs] = weight.shape as [number, number];
  const width = activation === "swiglu" ? 2 * inputs : inputs;
  const rows = subset ? subset.rows.length : x.shape[0];
  const fits = hidden.shape[0] === rows && hidden.shape[1] === width && x.shape[1] === outputs;
  assertShape(fits && (bias === null || bias.size === outputs) && (gamma === null || gamma.size === outputs), () =>
    `linearResidual: hidden [${hidden.shape}], weight [${weight.shape}], bias [${bias?.shape}] and gamma [${gamma?.shape}] do not fit ` +
      `${rows} rows of x [${x.shape}] after the activation "${activation}".`);
  if (subset) assertIndices("linearResidual", subset.rows, x.shape[0]);
}

/**
 * x + gamma * (activation(hidden) weightᵀ + bias), the end of a residual branch; with `subset`,
 * x[rows] += scale * gamma * (…) and the other rows as they are. For the gradient it keeps `hidden` alone: the activation is
 * made again, and what the branch adds to x is not needed. With G = dyᵀ activation(hidden) and s the sum of dy over rows:
 *
 *     dWeight = gamma G,   dBias = gamma s,   dGamma = Σ_i weight G + bias s
 *
 * @param x [R, D]
 * @param hidden [R, I], or [K, I] with a subset; [.., 2I] for "swiglu"
 * @param end weight [D, I], bias [D]
 * @returns [R, D]
 */
export function linearResidual(x: tf.Tensor2D, hidden: tf.Tensor2D, end: ResidualBranchEnd): tf.Tensor2D {
  checkShapes(x, hidden, end);
  const { weight, bias, activation, gamma, subset } = end;
  const optional = [bias, gamma].filter((tensor) => tensor !== null);
  return differentiable<tf.Tensor[]>(
    "linearResidual",
    [x, hidden, weight, ...optional],
    () => {
      const layer = { x: activate(hidden, activation), weight, ...(bias ? { bias } : {}) };
      const [residual] = linearForward(layer, { activation: "none" });
      const value = subset ? addSubset(x, residual, subset, gamma) : addScaled(x, residual, gamma);
      return { value, saved: [hidden, weight, ...optional] };
    },
    (dy, [hidden, weight, ...rest]) => {
      const [savedBias, savedGamma] = [bias ? rest[0]! : undefined, gamma ? rest.at(-1)! : undefined];
      const [dHidden, ...parameters] = branchGradients(gradientOfRows(dy, subset), hidden!, activation, {
        weight: weight!,
        bias: savedBias,
        gamma: savedGamma,
      });
      return [tf.clone(dy), dHidden!, ...parameters];
    },
  ) as tf.Tensor2D;
}

/** The gradients of hidden, weight, and bias and gamma where they are there. */
function branchGradients(
  dy: tf.Tensor,
  hidden: tf.Tensor,
  activation: Activation,
  { weight, bias, gamma }: { weight: tf.Tensor; bias: tf.Tensor | undefined; gamma: tf.Tensor | undefined },
): tf.Tensor[] {
  const scaledWeight = gamma ? tf.mul(weight, column(gamma)) : weight;
  const activated = activate(hidden, activation);
  const [dActivated, products, sums] = linearBackward({ dy, x: activated, weight: scaledWeight }, { activation: "none", hasBias: bias !== undefined });
  if (activated !== hidden) activated.dispose();
  const dHidden = activationGradient(dActivated, hidden, activation);
  if (!gamma) return [dHidden, products, ...(bias ? [sums!] : [])];
  const [dWeight, dGamma, dBias] = scaledLinearBackward({ products, weight, gamma, ...(bias ? { sums: sums!, bias } : {}) }, {});
  return [dHidden, dWeight, ...(bias ? [dBias!] : []), dGamma];
}
