// What every optimiser of this package is besides its formula: a count of updates, and variables beside
// each parameter that are saved, restored and freed together.
import type { Variable } from "@dinov2/tensor";
import { disposeSlots, exportSlots, importSlots, slotVariables } from "./state.ts";
import type { OptimizerState, Slots } from "./state.ts";

export abstract class Optimizer<S extends Slots> {
  protected steps = 0;

  /** @param slots the optimiser's own variables, named as PyTorch names them */
  protected constructor(protected readonly slots: S) {}

  /** Updates done. */
  get step(): number {
    return this.steps;
  }

  /** The slots as `PARAMETER.SLOT`, such as `backbone.cls_token.exp_avg`, and the updates done. */
  async exportState(): Promise<OptimizerState> {
    return { step: this.steps, tensors: await exportSlots(this.slots) };
  }

  /** Goes on from an exported state. @throws InputError when it belongs to other parameters */
  importState(state: OptimizerState): void {
    importSlots(this.slots, state.tensors);
    this.steps = state.step;
  }

  /** The slots themselves, as `PARAMETER.SLOT`: for a file that is written and read one tensor at a time. */
  variables(): Map<string, Variable> {
    return new Map(slotVariables(this.slots));
  }

  /** Goes on after `step` updates, once `variables()` have their values of then. */
  continueAfter(step: number): void {
    this.steps = step;
  }

  /** Frees the slots, not the parameters. */
  dispose(): void {
    disposeSlots(this.slots);
  }
}
