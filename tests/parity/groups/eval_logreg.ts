// Logistic regression on given features: the values of C that are tried, and the optimum's probabilities for some of them.

import { logisticLogits, LogisticRegression, OFFICIAL_CS } from "@dinov2/evaluation";
import { compareTensor, compareValue, type Check, type GoldenCase } from "../harness.ts";

export const check: Check = async (golden) => {
  const train = { features: features(golden, "in.train_x"), labels: Int32Array.from(golden.tensor("in.train_y").data) };
  const classCount = 1 + Math.max(...train.labels);
  using regression = new LogisticRegression(train, classCount);
  const test = features(golden, "in.test_x");
  const probabilities = golden.names("out.probs.C").map((name) => {
    const { model } = regression.fit(Number(name.slice("out.probs.C".length)));
    return compareTensor(golden, name, { shape: [test.count, classCount], data: softmaxRows(logisticLogits(model, test), classCount) });
  });
  return [compareValue(golden, "C_grid", OFFICIAL_CS), ...probabilities];
};

function features(golden: GoldenCase, name: string) {
  const { shape, data } = golden.tensor(name);
  return { count: shape[0]!, width: shape[1]!, values: data as Float32Array };
}

function softmaxRows(logits: Float64Array, classCount: number): Float64Array {
  return logits.map((logit, i) => {
    const start = i - (i % classCount);
    return 1 / logits.subarray(start, start + classCount).reduce((sum, other) => sum + Math.exp(other - logit), 0);
  });
}
