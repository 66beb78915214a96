// The optimum of logistic regression, beside scikit-learn's Newton method: the probabilities of test rows.

import { logisticLogits, LogisticRegression } from "@dinov2/evaluation";
import { type Crosscheck, examples, listsOf, worstOf } from "./crosscheck.ts";

const cs = [1e-4, 0.01, 1, 100];
const [width, classes] = [24, 5];

export const logisticCheck: Crosscheck = {
  name: "logistic",
  library: "sklearn",
  async run(ask) {
    const [train, test] = [examples(700, width, classes, 3, "logistic train"), examples(100, width, classes, 3, "logistic test")];
    const request = { x: listsOf(train.features), labels: [...train.labels], test: listsOf(test.features), cs };
    const { probabilities } = await ask<{ probabilities: number[][][] }>({ check: "logistic", ...request });
    using regression = new LogisticRegression(train, classes);
    return cs.map((c, i) => {
      const ours = softmaxRows(logisticLogits(regression.fit(c).model, test.features));
      return { what: `probabilities, C ${c}`, worst: worstOf(ours, probabilities[i]!.flat()), allowed: 1e-4 };
    });
  },
};

function softmaxRows(logits: Float64Array): Float64Array {
  return logits.map((logit, i) => {
    const row = logits.subarray(i - (i % classes), i - (i % classes) + classes);
    return 1 / row.reduce((sum, other) => sum + Math.exp(other - logit), 0);
  });
}
