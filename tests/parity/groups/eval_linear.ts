// The linear probe on given tokens of four blocks: the inputs of the heads, then steps of SGD on the widest of them.

import { blockFeatures, blockInputs, LinearHeads, oneHotRows, type LinearInput } from "@dinov2/evaluation";
import { cosineSchedule } from "@dinov2/optim";
import { RandomStream, tf } from "@dinov2/tensor";
import { compareValue, type Check, type Comparison, type GoldenCase } from "../harness.ts";
import { compare, load } from "../tensors.ts";

export const check: Check = async (golden) => {
  const depth = golden.names("in.block").filter((name) => name.endsWith(".cls")).length;
  const layers = Array.from({ length: depth }, (_, block) => ({
    classToken: load<tf.Tensor2D>(golden, `in.block${block}.cls`),
    patchTokens: load<tf.Tensor3D>(golden, `in.block${block}.patch`),
  }));
  const features = blockFeatures(layers);
  const width = layers[0]!.classToken.shape[1];
  const choices = golden.names("out.linear_input.").map((name) => ({ name, input: headInput(name, width, depth) }));
  const inputs = choices.map(({ name, input }) => compare(golden, name, columns(features, input)));
  const trained = choices.find(({ input }) => input.width === golden.tensor("w0.linear.weight").shape[1])!;
  return [...(await Promise.all(inputs)), ...(await trainingComparisons(golden, features, trained.input))];
};

/** Where an evaluator finds the input `….n4.avgpool1` among the features of all blocks. */
function headInput(name: string, width: number, depth: number): LinearInput {
  const [, count, pooled] = /n(\d+)\.avgpool([01])$/.exec(name)!;
  const inputs = blockInputs(width, depth, { blocks: [Number(count), depth], averagePool: [pooled === "1"] });
  return inputs[0]!; // ascending by blocks
}

const columns = (x: tf.Tensor2D, { start, width }: LinearInput) => tf.slice2d(x, [0, start], [-1, width]);

async function trainingComparisons(golden: GoldenCase, features: tf.Tensor2D, input: LinearInput): Promise<Comparison[]> {
  const labels = golden.tensor("in.labels").data as Int32Array;
  const rates = golden.value<number[]>("sgd_lrs");
  const classCount = golden.tensor("w0.linear.bias").shape[0]!;
  const heads = new LinearHeads(input, [rates[0]!], classCount, RandomStream.fromSeed(0));
  heads.weight.assign(load(golden, "w0.linear.weight"));
  heads.bias.assign(load(golden, "w0.linear.bias"));

  const totalIterations = Number(/T_max (\d+)/.exec(golden.description("sgd_losses"))![1]);
  const schedule = cosineSchedule({ baseValue: 1, finalValue: 0, totalIterations });
  const losses: number[] = [];
  for (const step of rates.keys()) {
    losses.push(await meanCrossEntropy(heads.logits(features), labels));
    heads.step(features, oneHotRows(labels, classCount), schedule.at(step));
  }
  return [
    compareValue(golden, "sgd_lrs", [...rates.keys()].map((step) => rates[0]! * schedule.at(step))),
    compareValue(golden, "sgd_losses", losses),
    await compare(golden, "out.w5.linear.weight", heads.weight),
    await compare(golden, "out.w5.linear.bias", heads.bias),
  ];
}

async function meanCrossEntropy(logits: tf.Tensor2D, labels: Int32Array): Promise<number> {
  const rows = await logits.array();
  const losses = rows.map((row, i) => Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0)) - row[labels[i]!]!);
  return losses.reduce((a, b) => a + b) / losses.length;
}
