// What a backbone and a head have in common: named parameters that can be loaded, written out and freed.

import type { ParameterMap } from "./parameters.ts";
import type { WeightReport } from "./weights/compare.ts";
import { loadWeights, stateDict, type LoadOptions, type StateDict, type WeightArray } from "./weights/load-weights.ts";

export abstract class Network {
  constructor(
    /** Trainable variables by official name, in the official order. */
    readonly parameters: ParameterMap,
  ) {}

  /** Takes over weights by official name, strictly unless told otherwise (`loadWeights`). */
  load(weights: Iterable<readonly [string, WeightArray]>, options: LoadOptions = {}): WeightReport {
    return loadWeights(this, weights, options);
  }

  /** The parameters' values by official name, in the official order. */
  stateDict(): Promise<StateDict> {
    return stateDict(this);
  }

  /** Number of trainable numbers. */
  get parameterCount(): number {
    return [...this.parameters.values()].reduce((sum, variable) => sum + variable.size, 0);
  }

  /** Frees the parameters; the network is of no use afterwards. */
  dispose(): void {
    for (const variable of this.parameters.values()) variable.dispose();
  }
}
