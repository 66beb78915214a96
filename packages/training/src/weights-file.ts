// Named variables to a safetensors file and back, exactly: float32 bits are kept. One tensor at a time is in the host's
// memory, so that a checkpoint takes no more room than its largest tensor.

import { openSafetensors, safetensorsContent, tf } from "@dinov2/tensor";
import { assertMatches, compareWeights, type ParameterMap } from "@dinov2/vit";

/** The variables as the bytes of a file. They may not change before the last byte was taken. */
export function variablesContent(variables: ParameterMap, metadata: Record<string, string> = {}): AsyncIterable<Uint8Array> {
  const tensors = [...variables].map(([name, variable]) => {
    return [name, { shape: variable.shape, data: () => variable.data<"float32">() }] as const;
  });
  return safetensorsContent(new Map(tensors), metadata);
}

/**
 * Gives the variables the values of a file. All names and shapes are compared before anything changes.
 * @throws InputError that lists what differs when the file is of another architecture
 */
export async function loadVariables(path: string, variables: ParameterMap): Promise<void> {
  const file = await openSafetensors(path);
  try {
    const found = new Map(file.names().map((name) => [name, file.info(name).shape]));
    assertMatches(compareWeights(new Map([...variables].map(([name, { shape }]) => [name, shape])), found), path);
    for (const [name, variable] of variables) {
      const values = await file.read(name);
      tf.tidy(() => variable.assign(tf.tensor(values, variable.shape, "float32")));
    }
  } finally {
    await file.close();
  }
}
