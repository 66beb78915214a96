// Named variables to a safetensors file and back, exactly: float32 bits are kept.

import { InputError } from "@dinov2/foundation";
import { openSafetensors, tf, writeSafetensors } from "@dinov2/tensor";
import type { ParameterMap } from "@dinov2/vit";

export async function saveVariables(
  path: string,
  variables: ParameterMap,
  metadata: Record<string, string> = {},
): Promise<void> {
  const tensors: Record<string, { shape: number[]; data: Float32Array }> = {};
  for (const [name, variable] of variables) {
    tensors[name] = { shape: variable.shape, data: (await variable.data()) as Float32Array };
  }
  await writeSafetensors(path, tensors, metadata);
}

/**
 * Gives the variables the values of a file. All names and shapes are compared before anything changes.
 * @throws InputError that lists what differs when the file is of another architecture
 */
export async function loadVariables(path: string, variables: ParameterMap): Promise<void> {
  const file = await openSafetensors(path);
  try {
    const shapes = new Map(file.names().map((name) => [name, file.info(name).shape]));
    const differences = architectureDifferences(shapes, variables);
    if (differences.length > 0) {
      throw new InputError(`${path} is of another architecture: ${summary(differences)}.`);
    }
    for (const [name, variable] of variables) {
      const values = tf.tensor(Float32Array.from(await file.read(name)), variable.shape);
      variable.assign(values);
      values.dispose();
    }
  } finally {
    await file.close();
  }
}

/** "name: [2, 3] there, [2, 4] expected", one for each name that is missing, unexpected or of another shape. */
function architectureDifferences(found: ReadonlyMap<string, readonly number[]>, expected: ParameterMap): string[] {
  const show = (shape: readonly number[]) => `[${shape.join(", ")}]`;
  const wrong = [...expected].flatMap(([name, { shape }]) => {
    const there = found.get(name);
    if (!there) return [`${name} is missing`];
    return show(there) === show(shape) ? [] : [`${name} is ${show(there)}, expected ${show(shape)}`];
  });
  const surplus = [...found.keys()].filter((name) => !expected.has(name)).map((name) => `${name} is not expected`);
  return [...wrong, ...surplus];
}

function summary(differences: readonly string[], shown = 12): string {
  const rest = differences.length - shown;
  return differences.slice(0, shown).join("; ") + (rest > 0 ? `; and ${rest} more` : "");
}

