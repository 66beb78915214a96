// Weighted k-NN on given features: normalisation, votes of each class, best class, accuracies.

import {
  knnClassify,
  nearestNeighbours,
  normalizeRows,
  sumVotes,
  voteWeights,
  type FeatureMatrix,
  type LabelledFeatures,
} from "@dinov2/evaluation";
import { compareFact, compareNumbers, compareTensor, type Comparison, type GoldenCase } from "../harness.ts";

type Accuracies = Readonly<Record<string, { readonly top1: number; readonly top5: number }>>;

export async function check(golden: GoldenCase): Promise<Comparison[]> {
  const ks = golden.attribute<number[]>("nb_knn");
  const temperature = golden.attribute<number>("T");
  const classCount = golden.attribute<number>("num_classes");
  const train = labelled(golden, "train");
  const test = labelled(golden, "test");

  const comparisons = [
    compareTensor(golden, "out.train_features_normalized", {
      shape: golden.tensor("in.train_features_raw").shape,
      data: normalizeRows(train.features).values,
    }),
  ];
  const votes = await votesByK(train, test, ks, temperature, classCount);
  for (const score of await knnClassify(train, test, { ks, temperature })) {
    const { k, predictions, top1, top5 } = score;
    const data = votes.get(k)!;
    const [expected, best] = [golden.value<Accuracies>("accuracy_micro")[k]!, [top1]];
    comparisons.push(
      compareTensor(golden, `out.probs.k${k}`, { shape: [test.features.count, classCount], data }),
      compareTensor(golden, `out.top1.k${k}`, { shape: [test.features.count], data: predictions }),
      compareNumbers(`accuracy_micro.${k}.top1`, best, [expected.top1], { atol: 1e-9, rtol: 0 }),
      compareTop5(`accuracy_micro.${k}.top5`, top5, expected.top5, data, test.labels, classCount),
    );
  }
  return comparisons;
}

function labelled(golden: GoldenCase, side: "train" | "test"): LabelledFeatures {
  const { shape, data } = golden.tensor(`in.${side}_features_raw`);
  const features: FeatureMatrix = { count: shape[0]!, width: shape[1]!, values: data as Float32Array };
  return { features, labels: golden.tensor(`in.${side}_labels`).data as Int32Array };
}

/** For each k the votes of every class, [test rows, classes]. */
async function votesByK(
  train: LabelledFeatures,
  test: LabelledFeatures,
  ks: readonly number[],
  temperature: number,
  classCount: number,
): Promise<Map<number, Float64Array>> {
  const neighbours = await nearestNeighbours(train.features, test.features, Math.max(...ks));
  const weights = voteWeights(neighbours, temperature);
  const votes = new Map<number, Float64Array>();
  for (const k of ks) {
    const all = new Float64Array(test.features.count * classCount);
    for (let row = 0; row < test.features.count; row++) {
      const ofRow = all.subarray(row * classCount, (row + 1) * classCount);
      sumVotes(ofRow, row, k, neighbours, weights, train.labels);
    }
    votes.set(k, all);
  }
  return votes;
}

/** Which classes without a vote fill the best five is not defined: both numbers must lie where that choice allows. */
function compareTop5(
  name: string,
  got: number,
  expected: number,
  votes: Float64Array,
  labels: Int32Array,
  classCount: number,
): Comparison {
  let [certain, open] = [0, 0];
  labels.forEach((label, row) => {
    const ofRow = votes.subarray(row * classCount, (row + 1) * classCount);
    const voted = ofRow.filter((vote) => vote > 0).length;
    if (ofRow[label]! > 0 && ofRow.filter((vote) => vote > ofRow[label]!).length < 5) certain++;
    else if (ofRow[label] === 0 && voted < 5) open++;
  });
  const allowed = (value: number) => {
    const count = Math.round(value * labels.length);
    return count >= certain && count <= certain + open;
  };
  const range = `${certain}..${certain + open} of ${labels.length}`;
  return compareFact(name, allowed(got) && allowed(expected), `got ${got}, expected ${expected}, possible ${range}`);
}
