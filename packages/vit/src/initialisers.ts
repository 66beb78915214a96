// Where parameters start. Each kind is named for the torch initialiser that the official code uses.

import type { RandomStream } from "@dinov2/foundation";
import { tf } from "@dinov2/tensor";

export type Initialiser =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "normal"; readonly standardDeviation: number }
  /** `torch.nn.init.trunc_normal_`: the bounds are absolute, ±2, and so hardly ever met at a deviation of 0.02. */
  | { readonly kind: "truncatedNormal"; readonly standardDeviation: number }
  | { readonly kind: "uniform"; readonly bound: number };

const truncationBound = 2;

/** Numbers that are drawn at a time: weights of the size of a model would stay in JavaScript's memory long after their upload. */
const drawnAtATime = 1 << 18;

/** A tensor drawn as `initialiser` says. */
export function initialTensor(initialiser: Initialiser, shape: readonly number[], random: RandomStream): tf.Tensor {
  if (initialiser.kind === "constant") return tf.fill([...shape], initialiser.value);
  const count = tf.util.sizeFromShape([...shape]);
  const draw = sampler(initialiser, random);
  const drawn = new Float32Array(Math.min(count, drawnAtATime));
  return tf.tidy(() => {
    const pieces: tf.Tensor1D[] = [];
    for (let begin = 0; begin < count; begin += drawnAtATime) {
      const piece = drawn.subarray(0, Math.min(drawnAtATime, count - begin));
      for (let i = 0; i < piece.length; i++) piece[i] = draw();
      // A copy: a backend may keep the array that a tensor is made of, which is drawn into again.
      pieces.push(tf.add(tf.tensor1d(piece), 0));
    }
    return tf.reshape(tf.concat(pieces), [...shape]);
  });
}

function sampler(initialiser: Initialiser, random: RandomStream): () => number {
  switch (initialiser.kind) {
    case "constant":
      return () => initialiser.value;
    case "normal":
      return () => random.normal(0, initialiser.standardDeviation);
    case "truncatedNormal":
      return () => {
        for (;;) {
          const value = random.normal(0, initialiser.standardDeviation);
          if (Math.abs(value) <= truncationBound) return value;
        }
      };
    case "uniform":
      return () => random.uniform(-initialiser.bound, initialiser.bound);
    default:
      return initialiser satisfies never;
  }
}
