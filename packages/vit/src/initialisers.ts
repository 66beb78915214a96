// Where parameters start. Each kind is named for the torch initialiser that the official code uses.

import type { RandomStream } from "@dinov2/foundation";

export type Initialiser =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "normal"; readonly standardDeviation: number }
  /** `torch.nn.init.trunc_normal_`: the bounds are absolute, ±2, and so hardly ever met at a deviation of 0.02. */
  | { readonly kind: "truncatedNormal"; readonly standardDeviation: number }
  | { readonly kind: "uniform"; readonly bound: number };

const truncationBound = 2;

/** `count` numbers drawn as `initialiser` says. */
export function initialValues(initialiser: Initialiser, count: number, random: RandomStream): Float32Array {
  const values = new Float32Array(count);
  const draw = sampler(initialiser, random);
  for (let i = 0; i < count; i++) values[i] = draw();
  return values;
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
