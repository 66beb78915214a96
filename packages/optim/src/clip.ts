// Gradient clipping by global norm, for each sub-module of the student on its own.
import { globalNorm, tf } from "@dinov2/tensor";
import type { Tensor } from "@dinov2/tensor";
import type { Gradients } from "./state.ts";

export interface ClippedGradients {
  /** New tensors (handles on the same memory where nothing was clipped): the caller disposes of them. */
  readonly gradients: Map<string, Tensor>;
  /** The global norm before clipping. */
  readonly norm: number;
}

/**
 * Scales all gradients by min(1, maxNorm / (norm + 1e-6)), norm being that of all elements together.
 * A norm that is not finite makes every gradient NaN: look at `norm` before using them.
 *
 * Source: `torch.nn.utils.clip_grad_norm_`, as called by `dinov2/train/train.py`.
 */
export function clipGradients(gradients: Gradients, maxNorm: number): ClippedGradients {
  const norm = tf.tidy(() => globalNorm([...gradients.values()]).dataSync()[0]!);
  const coefficient = maxNorm / (norm + 1e-6);
  const scaled = (gradient: Tensor) => (coefficient >= 1 ? tf.clone(gradient) : tf.mul(gradient, coefficient));
  return { gradients: new Map([...gradients].map(([name, gradient]) => [name, scaled(gradient)])), norm };
}

export interface ClippedSubModules {
  readonly gradients: Map<string, Tensor>;
  /** The norm before clipping of each sub-module. */
  readonly norms: Map<string, number>;
}

/**
 * `clipGradients` for each sub-module by itself, so that a head's large gradients do not shrink the
 * backbone's. A sub-module is what the names begin with: `backbone.…`, `dino_head.…`, `ibot_head.…`.
 *
 * Source: `dinov2/train/train.py`, the loop over `model.student.values()` (maximum 3.0).
 */
export function clipGradientsPerSubModule(gradients: Gradients, maxNorm: number): ClippedSubModules {
  const subModules = new Map<string, Map<string, Tensor>>();
  for (const [name, gradient] of gradients) {
    const subModule = name.split(".", 1)[0]!;
    if (!subModules.has(subModule)) subModules.set(subModule, new Map());
    subModules.get(subModule)!.set(name, gradient);
  }
  const clipped = new Map<string, Tensor>();
  const norms = new Map<string, number>();
  for (const [subModule, members] of subModules) {
    const result = clipGradients(members, maxNorm);
    norms.set(subModule, result.norm);
    for (const [name, gradient] of result.gradients) clipped.set(name, gradient);
  }
  return { gradients: clipped, norms };
}
