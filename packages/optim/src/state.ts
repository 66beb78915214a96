// What the optimisers share: parameters by name, and their state as plain data for checkpoints.
import { InputError } from "@dinov2/foundation";
import { tf } from "@dinov2/tensor";
import type { Tensor, Variable } from "@dinov2/tensor";

export type Parameters = ReadonlyMap<string, Variable>;
export type Gradients = ReadonlyMap<string, Tensor>;

/** A tensor as plain data, row-major: what a safetensors file holds. */
export interface PlainTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** An optimiser's whole state: with it a run goes on as if it had not stopped. */
export interface OptimizerState {
  /** Updates done. */
  readonly step: number;
  /** `PARAMETER.SLOT`, for example `backbone.cls_token.exp_avg`. */
  readonly tensors: Readonly<Record<string, PlainTensor>>;
}

/** A zero variable beside each parameter. The optimisers' own: no gradient, disposed of by them. */
export function zerosLike(parameters: Parameters): Map<string, Variable> {
  // Made by the backend: tf.zeros would make them in JavaScript's memory first.
  const zeros = (parameter: Variable) => tf.tidy(() => tf.variable(tf.zerosLike(parameter), false));
  return new Map([...parameters].map(([name, parameter]) => [name, zeros(parameter)]));
}

/** Named slots (`exp_avg` and such) of an optimiser, each with one variable per parameter. */
export type Slots = Readonly<Record<string, ReadonlyMap<string, Variable>>>;

export function* slotVariables(slots: Slots): Generator<[name: string, variable: Variable]> {
  for (const [slot, variables] of Object.entries(slots)) {
    for (const [name, variable] of variables) yield [`${name}.${slot}`, variable];
  }
}

/** Reads all slots to the host. */
export async function exportSlots(slots: Slots): Promise<Record<string, PlainTensor>> {
  const tensors: Record<string, PlainTensor> = {};
  for (const [name, variable] of slotVariables(slots)) {
    tensors[name] = { shape: [...variable.shape], data: Float32Array.from(await variable.data()) };
  }
  return tensors;
}

/**
 * Writes saved tensors into the slots. Checks every name and shape before it changes anything.
 * @throws InputError that lists what is missing, unknown or of another shape
 */
export function importSlots(slots: Slots, tensors: Readonly<Record<string, PlainTensor>>): void {
  const variables = new Map(slotVariables(slots));
  const problems: string[] = [];
  for (const [name, variable] of variables) {
    const saved = tensors[name];
    if (!saved) problems.push(`"${name}" is missing`);
    else if (saved.shape.join() !== variable.shape.join()) {
      problems.push(`"${name}" is [${saved.shape.join(", ")}], expected [${variable.shape.join(", ")}]`);
    }
  }
  for (const name of Object.keys(tensors)) if (!variables.has(name)) problems.push(`"${name}" is unknown`);
  if (problems.length > 0) {
    const shown = problems.slice(0, 5).join("; ") + (problems.length > 5 ? `; and ${problems.length - 5} more` : "");
    throw new InputError(`The saved optimiser state is of another model: ${shown}.`);
  }
  for (const [name, variable] of variables) {
    const { data, shape } = tensors[name]!;
    tf.tidy(() => variable.assign(tf.tensor(data, [...shape], "float32")));
  }
}

export function disposeSlots(slots: Slots): void {
  for (const [, variable] of slotVariables(slots)) variable.dispose();
}

/** The parameters that have a gradient, with it; a gradient without a parameter is a mistake of the caller. */
export function withGradients(parameters: Parameters, gradients: Gradients): [string, Variable, Tensor][] {
  return [...gradients].map(([name, gradient]) => {
    const parameter = parameters.get(name);
    if (!parameter) throw new Error(`A gradient came for "${name}", which is not a parameter of this optimiser.`);
    return [name, parameter, gradient];
  });
}
