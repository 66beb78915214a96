import { RandomStream } from "@dinov2/foundation";
import { tf, useBackend } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import { createFeatureMatrix, type LabelledFeatures } from "./feature-matrix.ts";
import { storedBatches } from "./linear-batches.ts";
import { LinearHeads, oneHotRows } from "./linear-heads.ts";
import type { LinearInput } from "./linear-inputs.ts";
import { scoreHeads, trainHeads } from "./linear-probe.ts";

const [width, classCount] = [6, 3];
const narrow: LinearInput = { name: "b1", start: 2, width: 3 };
const wide: LinearInput = { name: "b1.avg", start: 2, width: 4 };
const options = { classCount, seed: 4, steps: 30 };

/** `count` rows around a centre of their class, row i in class i % 3. */
function clusters(count: number, spread: number, seed: number): LabelledFeatures {
  const [random, centres] = [RandomStream.fromSeed(seed), RandomStream.fromSeed(99)];
  const labels = Int32Array.from({ length: count }, (_, row) => row % classCount);
  const centre = Array.from({ length: classCount * width }, () => centres.normal());
  const features = createFeatureMatrix(count, width);
  features.values.forEach((_, i) => {
    features.values[i] = centre[labels[Math.floor(i / width)]! * width + (i % width)]! + spread * random.normal();
  });
  return { features, labels };
}

const data = clusters(60, 0.3, 1);
const batches = (seed = 4) => storedBatches(data, 16, seed);
const freshHeads = (rates: readonly number[]) => new LinearHeads(wide, rates, classCount, RandomStream.fromSeed(7));
const toBatch = ({ features }: LabelledFeatures) => tf.tensor2d(features.values, [features.count, width]);
const toOneHot = ({ labels }: LabelledFeatures) => oneHotRows(labels, classCount);

/** The mean cross-entropy of one head [C, D + 1], weights then bias, in float64. */
function crossEntropy(parameters: Float64Array, rows: LabelledFeatures, input: LinearInput): number {
  let sum = 0;
  for (const [row, label] of rows.labels.entries()) {
    const logits = Array.from({ length: classCount }, (_, c) => {
      let logit = parameters[classCount * input.width + c]!;
      for (let d = 0; d < input.width; d++) {
        logit += parameters[c * input.width + d]! * rows.features.values[row * width + input.start + d]!;
      }
      return logit;
    });
    sum += Math.log(logits.reduce((total, logit) => total + Math.exp(logit), 0)) - logits[label]!;
  }
  return sum / rows.labels.length;
}

describe.each(["cpu", "wasm"] as const)("LinearHeads on %s", (backend) => {
  beforeAll(() => useBackend({ name: backend }));

  it("steps down the gradient that finite differences find, each head at its own rate", () => {
    const rates = [0.5, 0.02];
    const heads = freshHeads(rates);
    const [batch, oneHot] = [toBatch(data), toOneHot(data)];
    const before = [heads.weight.dataSync().slice(), heads.bias.dataSync().slice()] as const;
    heads.step(batch, oneHot, 1); // the momentum starts at 0: a step is -rate times the gradient
    const after = [heads.weight.dataSync(), heads.bias.dataSync()] as const;
    const size = classCount * wide.width;
    for (const [head, rate] of rates.entries()) {
      const of = ([weight, bias]: readonly [ArrayLike<number>, ArrayLike<number>]) => Float64Array.of(
        ...Array.from(weight).slice(head * size, (head + 1) * size),
        ...Array.from(bias).slice(head * classCount, (head + 1) * classCount),
      );
      const [from, to] = [of(before), of(after)];
      for (let i = 0; i < from.length; i++) {
        const at = (change: number) => crossEntropy(from.map((value, j) => (j === i ? value + change : value)), data, wide);
        const slope = (at(1e-4) - at(-1e-4)) / 2e-4;
        expect(Math.abs((from[i]! - to[i]!) / rate - slope)).toBeLessThan(2e-5); // float32, divided by a rate of 0.02
      }
    }
    heads.dispose();
    tf.dispose([batch, oneHot]);
  });

  it("carries momentum: of two equal gradients the first moves a bias by 1 rate, the second by 1.9", () => {
    // Logits of a thousand for the wrong class: its probability stays 1, and the gradient of its bias too.
    const heads = new LinearHeads({ name: "x", start: 0, width: 1 }, [0.1], 2, RandomStream.fromSeed(1));
    heads.weight.assign(tf.tensor2d([1000, -1000], [2, 1]));
    const [batch, oneHot] = [tf.tensor2d([1], [1, 1]), tf.tensor3d([0, 1], [1, 1, 2])];
    const biases: number[] = [];
    for (let step = 0; step < 2; step++) {
      heads.step(batch, oneHot, 1);
      biases.push(heads.bias.dataSync()[0]!);
    }
    expect(biases[0]).toBeCloseTo(-0.1, 6);
    expect(biases[1]! - biases[0]!).toBeCloseTo(-0.19, 6);
    heads.dispose();
    tf.dispose([batch, oneHot]);
  });

  it("trains each head as if it were alone", async () => {
    const together = await trainHeads(batches(), [narrow, wide], { ...options, learningRates: [0.001, 0.1] });
    const [alone] = await trainHeads(batches(), [wide], { ...options, learningRates: [0.1] });
    const size = classCount * wide.width;
    const ofHead = together[1]!.weight.dataSync().slice(size);
    alone!.weight.dataSync().forEach((value, i) => expect(Math.abs(value - ofHead[i]!)).toBeLessThan(1e-6));
    for (const group of [...together, alone!]) group.dispose();
  });

  it("is the same for the same seed, and other for another", async () => {
    const weights = async (seed: number) => {
      const [group] = await trainHeads(batches(seed), [wide], { ...options, seed, learningRates: [0.1] });
      const values = group!.weight.dataSync().slice();
      group!.dispose();
      return values;
    };
    expect(await weights(1)).toEqual(await weights(1));
    expect(await weights(1)).not.toEqual(await weights(2));
  });

  it("tells separated classes apart, and hardly at a rate that is too small", async () => {
    const groups = await trainHeads(batches(), [wide], { ...options, steps: 200, learningRates: [1e-6, 0.5] });
    const [small, large] = await scoreHeads(groups, clusters(33, 0.3, 2), 10);
    expect(large).toEqual({ head: "b1.avg.lr0.5", learningRate: 0.5, top1: 1, top5: 1, meanPerClass: 1 });
    expect(small!.top1).toBeLessThan(1);
    for (const group of groups) group.dispose();
  });

  it("learns how frequent classes are, and no more, from features that say nothing", async () => {
    const labels = Int32Array.from({ length: 60 }, (_, i) => (i % 10 < 6 ? 2 : i % 2));
    const nothing = { features: createFeatureMatrix(60, width), labels };
    const groups = await trainHeads(storedBatches(nothing, 60, 1), [wide], { ...options, steps: 400, learningRates: [1] });
    const probabilities = tf.tidy(() => tf.softmax(groups[0]!.logits(toBatch(nothing))).dataSync().slice(0, 3));
    [0.2, 0.2, 0.6].forEach((share, c) => expect(probabilities[c]).toBeCloseTo(share, 3));
    const [score] = await scoreHeads(groups, nothing);
    expect(score!.top1).toBeCloseTo(0.6, 9);
    groups[0]!.dispose();
  });

  it("never counts a head as right that is not finite any more", async () => {
    const heads = freshHeads([0.1]);
    tf.tidy(() => heads.weight.assign(tf.fill(heads.weight.shape, NaN)));
    const [score] = await scoreHeads([heads], data);
    expect(score!.top1).toBe(0);
    heads.dispose();
  });

  it("leaves no tensor behind", async () => {
    const before = tf.memory().numTensors;
    const groups = await trainHeads(batches(), [narrow, wide], { ...options, steps: 3 });
    const held = tf.memory().numTensors - before;
    expect(held).toBe(2 * 4); // two inputs: weight, bias and their momentum
    await scoreHeads(groups, data);
    for (const group of groups) group.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
