// Our side: the engine that `auto` takes, or DINOV2_BACKEND and DINOV2_DEVICE name, on as many threads as the peers have.

import { backendFromEnvironment, type BackendDescription, type Precision, useBackend } from "@dinov2/tensor";

export const threads = 2;

export function startEngine(precision: Precision): Promise<BackendDescription> {
  return useBackend({ ...backendFromEnvironment(), precision, threads });
}

/** What an engine can be measured in. */
export const precisionsOf = ({ name }: BackendDescription): readonly Precision[] =>
  name === "libtorch" ? ["fp32", "bf16"] : ["fp32"];
