// Named variables to a safetensors file and back, exactly: float32 bits are kept.

import { openSafetensors, writeSafetensors } from "@dinov2/tensor";
import { loadWeights, type ParameterMap, stateDict } from "@dinov2/vit";

/** Tensors as plain data by name. */
export type NamedArrays = Record<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

export async function saveVariables(
  path: string,
  parameters: ParameterMap,
  metadata: Record<string, string> = {},
): Promise<void> {
  await writeSafetensors(path, Object.fromEntries(await stateDict({ parameters })), metadata);
}

/**
 * Gives the variables the values of a file. All names and shapes are compared before anything changes.
 * @throws InputError that lists what differs when the file is of another architecture
 */
export async function loadVariables(path: string, parameters: ParameterMap): Promise<void> {
  loadWeights({ parameters }, Object.entries(await readArrays(path)), { origin: path });
}

/** Everything in a file of float32 tensors. */
export async function readArrays(path: string): Promise<NamedArrays> {
  const file = await openSafetensors(path);
  try {
    const arrays: NamedArrays = {};
    for (const name of file.names()) {
      arrays[name] = { shape: file.info(name).shape, data: Float32Array.from(await file.read(name)) };
    }
    return arrays;
  } finally {
    await file.close();
  }
}
