// Linear classifiers of one input that differ in their learning rate, trained at once: their weights are one matrix, so that a
// step is one wide product forward and one back. Legend: B rows of a batch, W width of the matrix that batches come
// from, D width of the heads' own columns, H heads, C classes.

import type { RandomStream } from "@dinov2/foundation";
import { Sgd } from "@dinov2/optim";
import { fullPrecision, linear, tf, type Variable } from "@dinov2/tensor";
import type { LinearInput } from "./linear-inputs.ts";

/** The standard deviation of fresh weights (`dinov2/eval/linear.py`, `LinearClassifier`). */
const INITIAL_DEVIATION = 0.01;

/** The classes of B rows as [B, 1, C], to be taken from the probabilities of every head. */
export function oneHotRows(labels: ArrayLike<number>, classCount: number): tf.Tensor3D {
  // Not tf.oneHot: on wasm it fills a float tensor with the bits of whole numbers.
  const values = new Float32Array(labels.length * classCount);
  for (let row = 0; row < labels.length; row++) values[row * classCount + labels[row]!] = 1;
  return tf.tensor3d(values, [labels.length, 1, classCount]);
}

export class LinearHeads {
  /** [H C, D] and [H C]: head after head, each as `torch.nn.Linear` has it. */
  readonly weight: Variable;
  readonly bias: Variable;
  private readonly optimizer: Sgd;

  /** @param learningRates [H] one of each head; `step` says at which share of them it steps */
  constructor(
    readonly input: LinearInput,
    readonly learningRates: readonly number[],
    readonly classCount: number,
    random: RandomStream,
  ) {
    const shape: [number, number] = [learningRates.length * classCount, input.width];
    this.weight = tf.tidy(() => tf.variable(tf.tensor2d(this.initialWeights(random), shape), false));
    this.bias = tf.tidy(() => tf.variable(tf.zeros([shape[0]]), false));
    this.optimizer = new Sgd(new Map([["weight", this.weight], ["bias", this.bias]]), { momentum: 0.9 });
  }

  /** [B, W] to [B, H C]. The caller disposes them. */
  logits(batch: tf.Tensor2D): tf.Tensor2D {
    return tf.tidy(() => fullPrecision(() => linear(this.columns(batch), this.weight, this.bias) as tf.Tensor2D));
  }

  /**
   * One step of SGD with momentum on the sum of the heads' mean cross-entropies.
   * @param batch [B, W]
   * @param oneHot [B, 1, C] the classes of the rows
   * @param rateFactor what the learning rates are multiplied by: the schedule's share and the batch's
   */
  step(batch: tf.Tensor2D, oneHot: tf.Tensor3D, rateFactor: number): void {
    const { weight, bias } = tf.tidy(() => fullPrecision(() => this.scaledGradients(batch, oneHot)));
    try {
      this.optimizer.apply(new Map([["weight", weight], ["bias", bias]]), { learningRate: () => rateFactor, weightDecay: () => 0 });
    } finally {
      tf.dispose([weight, bias]);
    }
  }

  /** "b4.avg.lr0.01", [H] */
  get names(): string[] {
    return this.learningRates.map((rate) => `${this.input.name}.lr${rate}`);
  }

  dispose(): void {
    this.optimizer.dispose();
    tf.dispose([this.weight, this.bias]);
  }

  /**
   * Each head's gradients times its learning rate. Without weight decay the momentum is linear in them, so that all heads
   * may step at one rate, and the rates touch [B, H, C] numbers in place of all weights:
   *
   *     dWeight = rate (softmax(logits) - oneHot)ᵀ x / B
   */
  private scaledGradients(batch: tf.Tensor2D, oneHot: tf.Tensor3D): Record<"weight" | "bias", tf.Tensor> {
    const [rows, heads] = [batch.shape[0], this.learningRates.length];
    const x = this.columns(batch);
    const logits = linear(x, this.weight, this.bias); // [B, H C]
    const probabilities = tf.softmax(tf.reshape(logits, [rows * heads, this.classCount]));
    const error = tf.sub(tf.reshape(probabilities, [rows, heads, this.classCount]), oneHot);
    const rates = tf.tensor3d(this.learningRates.map((rate) => rate / rows), [1, heads, 1]);
    const scaled = tf.reshape(tf.mul(error, rates), [rows, heads * this.classCount]) as tf.Tensor2D;
    return { weight: tf.matMul(tf.transpose(scaled), x), bias: tf.sum(scaled, 0) };
  }

  private columns(batch: tf.Tensor2D): tf.Tensor2D {
    const { start, width } = this.input;
    return tf.slice2d(batch, [0, start], [-1, width]);
  }

  /** A head's weights depend on its input and its rate alone, not on the heads beside it. */
  private initialWeights(random: RandomStream): Float32Array {
    const size = this.classCount * this.input.width;
    const weights = new Float32Array(this.learningRates.length * size);
    for (const [head, rate] of this.learningRates.entries()) {
      const ofHead = random.split(this.input.name, `lr${rate}`);
      for (let i = head * size; i < (head + 1) * size; i++) weights[i] = ofHead.normal(0, INITIAL_DEVIATION);
    }
    return weights;
  }
}
