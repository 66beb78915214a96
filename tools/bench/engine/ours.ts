// Our side: the engine that `auto` takes, or DINOV2_BACKEND and DINOV2_DEVICE name, on as many threads as the peers have.

import { backendFromEnvironment, type BackendDescription, type Precision, useBackend } from "@dinov2/tensor";

export const threads = 2;

export function startEngine(precision: Precision): Promise<BackendDescription> {
  return useBackend({ ...backendFromEnvironment(), precision, threads });
}

/** What an engine can be measured in, or of these the one that is asked for. */
export const precisionsOf = ({ name }: BackendDescription, only?: Precision): readonly Precision[] =>
  (name === "libtorch" ? (["fp32", "bf16"] as const) : (["fp32"] as const)).filter((each) => only === undefined || each === only);
