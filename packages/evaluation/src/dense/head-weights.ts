// The tensors of a head, as they are held and as published files have them: the same numbers, in another order.

import { InputError } from "@dinov2/foundation";
import type { Parameters } from "@dinov2/optim";
import { tf, type Variable } from "@dinov2/tensor";
import { assertMatches, compareWeights, openWeights, type Shape, type StateDict, type WeightArray } from "@dinov2/vit";

export interface HeadTensor {
  readonly variable: Variable;
  /** As PyTorch has it; the variable may have some axes in one. */
  readonly shape: Shape;
  /** PyTorch's axes in the order of the variable's; the same when missing. */
  readonly order?: readonly number[];
}

/** By official name, without what stands before it in files. */
export type HeadTensors = ReadonlyMap<string, HeadTensor>;

/** A head that was trained before. */
export interface TrainedHead {
  /** Named in messages: the file. */
  readonly origin: string;
  readonly weights: ReadonlyMap<string, WeightArray>;
}

/** What a segmentor or depther calls its head (mmsegmentation). */
const PREFIX = "decode_head.";
/** How many batches a batch norm saw: nothing depends on it. */
const isCount = (name: string) => name.endsWith(".num_batches_tracked");

/**
 * The weights of a published head (`dinov2_vits14_nyu_linear_head.pth`), or of one that a benchmark wrote.
 * @throws InputError when the file cannot be read, or holds no head, or more than one
 */
export async function readHead(path: string): Promise<TrainedHead> {
  const source = await openWeights(path);
  try {
    const names = [...source.shapes.keys()].filter((name) => !isCount(name));
    const other = names.filter((name) => !name.startsWith(PREFIX));
    if (names.length === 0 || other.length > 0) {
      const found = names.length === 0 ? "no tensors" : `${other.length} other tensors (${other[0]!}${other.length > 1 ? ", …" : ""})`;
      throw new InputError(`${path} is no file of a head: it holds ${found}; expected names that begin with ${PREFIX} alone.`);
    }
    const weights = new Map<string, WeightArray>();
    for (const name of names) weights.set(name.slice(PREFIX.length), { shape: source.shapes.get(name)!, data: await source.read(name) });
    return { origin: path, weights };
  } finally {
    await source.close();
  }
}

/**
 * Gives a head the values of a trained one.
 * @throws InputError that lists what is missing, unexpected or of another shape
 */
export function loadHead(tensors: HeadTensors, { origin, weights }: TrainedHead): void {
  const shapes = (named: ReadonlyMap<string, { readonly shape: Shape }>) =>
    new Map([...named].filter(([name]) => !isCount(name)).map(([name, { shape }]) => [name, shape]));
  assertMatches(compareWeights(shapes(tensors), shapes(weights)), origin, "Name the model and the data that the head was trained on.");
  for (const [name, { variable, shape, order = axes(shape) }] of tensors) {
    tf.tidy(() => {
      const official = tf.tensor(Float32Array.from(weights.get(name)!.data), [...shape]);
      variable.assign(tf.reshape(tf.transpose(official, [...order]), variable.shape));
    });
  }
}

/** The values of a head, under the names that published files have. */
export async function headWeights(tensors: HeadTensors): Promise<StateDict> {
  const weights: StateDict = new Map();
  for (const [name, { variable, shape, order = axes(shape) }] of tensors) {
    const official = tf.tidy(() => {
      const split = tf.reshape(variable, order.map((axis) => shape[axis]!));
      return tf.transpose(split, axes(shape).map((axis) => order.indexOf(axis)));
    });
    weights.set(PREFIX + name, { shape: [...shape], data: Float32Array.from(await official.data()) });
    official.dispose();
  }
  return weights;
}

const axes = (shape: Shape): number[] => [...shape.keys()];

/** What a training changes of a head. */
export const trainable = (tensors: HeadTensors): Parameters =>
  new Map([...tensors].filter(([, { variable }]) => variable.trainable).map(([name, { variable }]) => [name, variable]));

export const disposeHead = (tensors: HeadTensors): void => tf.dispose([...tensors.values()].map(({ variable }) => variable));
