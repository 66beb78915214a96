// Neighbours and predicted classes, beside a product and a stable sort in float64, and beside faiss' exact index.

import { knnClassify, nearestNeighbours } from "@dinov2/evaluation";
import { type Ask, type Crosscheck, type Difference, examples, listsOf, worstOf } from "./crosscheck.ts";

const [ks, temperature] = [[5, 20], 0.07];

interface Answer {
  readonly rows: number[][];
  readonly similarities: number[][];
  readonly predictions: Readonly<Record<string, number[]>>;
}

async function differences(ask: Ask, library: string): Promise<Difference[]> {
  const [train, test] = [examples(3000, 48, 12, 2.5, "knn train"), examples(250, 48, 12, 2.5, "knn test")];
  const request = { bank: listsOf(train.features), queries: listsOf(test.features), labels: [...train.labels], ks, temperature, library };
  const theirs = await ask<Answer>({ check: "knn", ...request });
  const ours = await nearestNeighbours(train.features, test.features, Math.max(...ks));
  const scores = await knnClassify(train, test, { ks, temperature });
  const share = (equal: readonly boolean[]) => equal.filter((same) => !same).length / equal.length;
  return [
    { what: "similarities of the neighbours", worst: worstOf(ours.similarities, theirs.similarities.flat()), allowed: 1e-6 },
    // Two neighbours may be as near as float32 can tell, and change places.
    { what: "share of other neighbours", worst: share(theirs.rows.flat().map((row, i) => row === ours.indices[i])), allowed: 1e-3 },
    ...scores.map(({ k, predictions }) => ({
      what: `share of other classes, k ${k}`,
      worst: share(theirs.predictions[k]!.map((label, i) => label === predictions[i])),
      allowed: 0,
    })),
  ];
}

export const knnChecks: readonly Crosscheck[] = ["numpy", "faiss"].map((library) => ({ name: "knn", library, run: (ask) => differences(ask, library) }));
