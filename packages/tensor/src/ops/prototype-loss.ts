// The cross-entropy over the prototypes from what the prototypes are multiplied by, a few rows at a time: no [R, K] of logits is
// ever held. Its gradient is made on the way forward, while a part's logits are there, so nothing is computed twice.
//
// R rows, D width, K prototypes.
import * as tf from "@tensorflow/tfjs-core";
import { assertFloat32, assertShape, differentiable, isRecording, kernel, product, unrecorded } from "./op.ts";
import { crossEntropyBackward, crossEntropyForward } from "./prototype-cross-entropy.ts";
import { weightNormBackward, weightNormScale } from "./weight-norm.ts";

/** The last layer of a projection head, weight-normalised as `weightNorm(v, g)`. */
export interface Prototypes {
  readonly v: tf.Tensor2D; // [K, D]
  readonly g: tf.Tensor2D; // [K, 1]
}

export interface PrototypeLoss {
  readonly total: tf.Scalar;
  /** The summands of the total, for a log: no gradient flows from them. */
  readonly losses: tf.Tensor1D; // [R]
}

/** The logits of at least so many rows are made at a time: each part reads all prototypes, which costs more than it saves with fewer. */
const leastRows = 80;
/** And of more while they take no more numbers than this. */
const mostNumbers = 1 << 22;

const partial = kernel("PrototypeLoss", ({ x, v, scale, teacher, weights, dV }, { temperature, gradient }) => {
  const ofPrototypes = tf.reshape(scale, [1, -1]);
  const student = tf.mul(product(x, v, false, true), ofPrototypes); // [R, K]
  const [loss, logSumExp, mass] = crossEntropyForward({ student, teacher }, { temperature });
  const losses = tf.mul(loss, weights);
  if (!gradient) return [losses];
  const [dStudent] = crossEntropyBackward({ dy: weights, student, teacher, logSumExp, mass }, { temperature });
  const dProduct = tf.mul(dStudent, ofPrototypes);
  const term = product(dProduct, x, true);
  return [losses, product(dProduct, v), dV ? tf.add(dV, term) : term];
});

/** At least so many rows at a time, where there are so many, for K prototypes. */
const leastRowsOf = (prototypes: number) => Math.max(leastRows, Math.floor(mostNumbers / prototypes));

/** Rows of a part: all parts have one size, since each reads all prototypes, however few its rows are. */
const rowsOfPart = (rows: number, least: number) => Math.ceil(rows / Math.max(1, Math.floor(rows / least)));

/** How many of `rows` rows `prototypeLoss` takes at a time: that many [K] of logits are there at once. */
export const prototypeLossRows = (rows: number, prototypes: number): number => rowsOfPart(rows, leastRowsOf(prototypes));

/** All rows, part by part; the gradients of x, v and g only when a tape may ask for them. */
function run(x: tf.Tensor2D, { v, g }: Prototypes, targets: Targets, weights: tf.Tensor1D, temperature: number, atATime: number): tf.Tensor[] {
  const gradient = isRecording();
  const [rows, prototypes] = [x.shape[0], v.shape[0]];
  const step = rowsOfPart(rows, atATime);
  const [scale, norm] = weightNormScale({ v, g }, {});
  const parts: tf.Tensor[][] = [];
  let dV: tf.Tensor | undefined;
  for (let begin = 0; begin < rows; begin += step) {
    const count = Math.min(step, rows - begin);
    const before = dV;
    const [losses, dx, sum] = tf.tidy(() => {
      const teacher = targets(begin, begin + count);
      assertShape(tf.util.arraysEqual(teacher.shape, [count, prototypes]), () =>
        `prototypeLoss: targets of rows ${begin} to ${begin + count} are [${teacher.shape}], not [${count}, ${prototypes}].`);
      const inputs = { x: tf.slice(x, begin, count), v, scale, teacher, weights: tf.slice(weights, begin, count) };
      return partial(before ? { ...inputs, dV: before } : inputs, { temperature, gradient }) as tf.Tensor[];
    }) as [tf.Tensor, tf.Tensor?, tf.Tensor?];
    before?.dispose();
    dV = sum;
    parts.push(dx ? [losses, dx] : [losses]);
  }
  const joined = (i: number) => tf.concat(parts.map((part) => part[i]!));
  if (!dV) return [joined(0)];
  // dV is of v at constant scale, so it is that of a weight norm whose gain is the norm itself: there the scale is 1.
  const [dv, along] = weightNormBackward({ dy: dV, v, g: tf.reshape(norm, g.shape), norm }, { overwriteDy: true });
  return [joined(0), joined(1), dv, tf.div(along, tf.reshape(scale, g.shape))];
}

/** Probabilities [end - begin, K] of rows [begin, end). */
type Targets = (begin: number, end: number) => tf.Tensor2D;

/**
 * Σ_r weights_r · CE_r, with CE the cross-entropy of `prototypeCrossEntropy` between the row's logits, weightNorm(v, g) x_r, and
 * the row's target probabilities. Takes some rows at a time, and never holds more logits and targets than theirs.
 *
 * @param x [R, D]
 * @param targets gives the probabilities of some rows when their turn comes, as a tensor that is disposed of; constants: no gradient
 *   flows to them
 * @param weights [R], constants: each row's part of the total
 * @param rowsAtATime at least, where there are so many; by default 80, or more where K is small
 */
export function prototypeLoss(
  x: tf.Tensor2D,
  prototypes: Prototypes,
  targets: Targets,
  weights: tf.Tensor1D,
  temperature: number,
  rowsAtATime = leastRowsOf(prototypes.v.shape[0]),
): PrototypeLoss {
  const { v, g } = prototypes;
  assertShape(x.shape[1] === v.shape[1] && g.size === v.shape[0] && weights.size === x.shape[0], () =>
    `prototypeLoss: x [${x.shape}], v [${v.shape}], g [${g.shape}] and weights [${weights.shape}] do not fit [R, D], [K, D], [K, 1], [R].`);
  assertFloat32("prototypeLoss", [weights]);
  if (x.shape[0] === 0) return withoutRows(x, prototypes);
  let rows!: tf.Tensor;
  const total = differentiable<tf.Tensor[]>(
    "prototypeLoss",
    [x, v, g],
    () => {
      const [losses, ...gradients] = run(x, prototypes, targets, weights, temperature, rowsAtATime);
      rows = tf.keep(losses!);
      return { value: tf.sum(rows), saved: gradients };
    },
    (dy, gradients) => {
      const factor = dy.dataSync()[0]!;
      // At 1, which it is where this is the loss, without a second [K, D].
      return gradients.map((gradient) => (factor === 1 ? tf.clone(gradient) : tf.mul(gradient, factor)));
    },
  ) as tf.Scalar;
  // A tensor of the surrounding tidy, as the total is.
  const losses = unrecorded(() => tf.clone(rows)) as tf.Tensor1D;
  rows.dispose();
  return { total, losses };
}

/** 0, with gradients of zeros. */
function withoutRows(x: tf.Tensor2D, { v, g }: Prototypes): PrototypeLoss {
  const total = differentiable(
    "prototypeLoss",
    [x, v, g],
    () => ({ value: tf.scalar(0), saved: [x, v, g] }),
    (_, saved) => saved.map((input) => tf.zerosLike(input)),
  ) as tf.Scalar;
  return { total, losses: tf.zeros([0]) };
}
