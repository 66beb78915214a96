// Accuracies of given predictions: over rows, over classes, and with several right classes a row.

import { reassessedAccuracy, topKAccuracy } from "@dinov2/evaluation";
import { compareValue, type Check } from "../harness.ts";

export const check: Check = (golden) => {
  const scores = golden.tensor("in.preds").data as Float32Array;
  const labels = Array.from(golden.tensor("in.target").data, Number);
  const { data, shape } = golden.tensor("in.real_targets");
  const width = shape[1]!;
  const sets = labels.map((_, row) => Array.from(data.slice(row * width, (row + 1) * width), Number).filter((label) => label >= 0));
  return Promise.resolve([1, 5].flatMap((k) => {
    const { micro, macro, perClass } = topKAccuracy(scores, labels, k);
    return [
      compareValue(golden, `top${k}.micro`, micro),
      compareValue(golden, `top${k}.macro`, macro),
      compareValue(golden, `top${k}.per_class`, [...perClass]),
      compareValue(golden, `real_top${k}`, reassessedAccuracy(scores, sets, k)),
    ];
  }));
};
