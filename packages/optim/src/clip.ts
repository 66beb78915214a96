// Gradient clipping by global norm, for each sub-module of the student on its own.
import { globalNorms } from "@dinov2/tensor";
import type { Tensor } from "@dinov2/tensor";
import type { Gradients } from "./state.ts";

/** What clipping does to gradients: an optimiser multiplies each by its factor as it reads it. */
export interface Clipping {
  /** The global norm before clipping of each sub-module. */
  readonly norms: ReadonlyMap<string, number>;
  /** min(1, maxNorm / (norm + 1e-6)) of the sub-module that the parameter `name` belongs to. */
  factor(name: string): number;
}

/** What the names of a sub-module begin with: `backbone.…`, `dino_head.…`, `ibot_head.…`. */
const subModuleOf = (name: string) => name.split(".", 1)[0]!;

/**
 * Clips the gradients of each sub-module by the norm of all its elements together, so that a head's large gradients do not
 * shrink the backbone's. A norm that is not a number makes every factor NaN: look at `norms` before using them.
 *
 * Source: `torch.nn.utils.clip_grad_norm_`, as called by `dinov2/train/train.py` in the loop over
 * `model.student.values()` (maximum 3.0).
 */
export function clipGradientsPerSubModule(gradients: Gradients, maxNorm: number): Clipping {
  const members = new Map<string, Tensor[]>();
  for (const [name, gradient] of gradients) {
    const subModule = subModuleOf(name);
    if (!members.has(subModule)) members.set(subModule, []);
    members.get(subModule)!.push(gradient);
  }
  const read = globalNorms([...members.values()]);
  const values = read.dataSync();
  read.dispose();
  const norms = new Map([...members.keys()].map((subModule, i) => [subModule, values[i]!]));
  return { norms, factor: (name) => Math.min(1, maxNorm / (norms.get(subModuleOf(name))! + 1e-6)) };
}
