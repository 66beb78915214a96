// Our side: the engine that `auto` takes, or DINOV2_BACKEND names, on as many threads as the peers have.

import { type BackendDescription, type BackendName, type Precision, useBackend } from "@dinov2/tensor";

export const threads = 2;

export function startEngine(precision: Precision): Promise<BackendDescription> {
  const name = (process.env["DINOV2_BACKEND"] ?? "auto") as BackendName;
  return useBackend({ name, precision, threads });
}

/** What an engine can be measured in. */
export const precisionsOf = ({ name }: BackendDescription): readonly Precision[] =>
  name === "libtorch" ? ["fp32", "bf16"] : ["fp32"];
