import { RandomStream } from "@dinov2/foundation";
import { bestBy, type RankScore, scoreRows } from "./accuracy.ts";
import type { EvaluationContext, Evaluator, Measurement } from "./evaluator.ts";
import { type LabelledFeatures, selectLabelled } from "./feature-matrix.ts";
import { extractLabelled } from "./features.ts";
import { type KnnOptions, type KnnScore, knnClassify, OFFICIAL_KS } from "./knn.ts";
import { exampleNeighbours } from "./example-neighbours.ts";
import { rowsPerClass } from "./splits.ts";
import { classDetails, extractTest, rowsOf, type TestFeatures, testSets } from "./test-images.ts";

export interface KnnEvaluatorOptions extends KnnOptions {
  /** Also classify by so many random training images of each class (few-shot). */
  readonly perClass?: readonly number[];
  /** Draws of the few-shot training images; their mean is reported. */
  readonly tries?: number;
}

/**
 * Weighted k-NN on the class token. Metrics: `k20.top1` by all training images; `n5.k5.top1` by 5 of each class, where
 * 5 joins the ks and those above 5 are left out, as in `dinov2/eval/knn.py`.
 */
export function knnEvaluator({ perClass = [], tries = 1, ...options }: KnnEvaluatorOptions = {}): Evaluator {
  return {
    name: "knn",
    async *run(backbone, context) {
      const train = await extractLabelled(backbone, context.task.train, "train", context);
      for (const { prefix, images } of testSets(context.task)) {
        const test = await extractTest(backbone, images, context);
        const scores = await knnClassify(train, test, options);
        yield* rowsOf(images, measurements(prefix, [scores]));
        if (context.found) {
          const best = scores[bestBy(scores, context.task.metric)]!;
          for (const detail of classDetails(`${prefix}k${best.k}`, test, best.predictions)) await context.found(detail);
          if (images === context.task.test) await context.found(await exampleNeighbours(train, test, context.seed));
        }
        for (const count of perClass) {
          yield* rowsOf(images, measurements(`${prefix}n${count}.`, await fewShotScores(train, test, count, tries, options, context)));
        }
      }
    },
  };
}

/** The scores of each try. */
async function fewShotScores(
  train: LabelledFeatures,
  test: TestFeatures,
  count: number,
  tries: number,
  options: KnnOptions,
  { seed }: EvaluationContext,
): Promise<KnnScore[][]> {
  const ks = [...(options.ks ?? OFFICIAL_KS), count].filter((k) => k <= count);
  const scores: KnnScore[][] = [];
  for (let attempt = 0; attempt < tries; attempt++) {
    const rows = rowsPerClass(train.labels, count, RandomStream.fromSeed(seed).split("few-shot", count, attempt));
    scores.push(await knnClassify(selectLabelled(train, rows), test, { ...options, ks }));
  }
  return scores;
}

/** The mean over tries of each metric. */
function measurements(prefix: string, tries: readonly (readonly KnnScore[])[]): Measurement[] {
  return tries[0]!.flatMap(({ k }, i) => {
    const mean = (number: keyof RankScore) => tries.reduce((total, scores) => total + scores[i]![number], 0) / tries.length;
    return scoreRows(`${prefix}k${k}`, { top1: mean("top1"), top5: mean("top5"), meanPerClass: mean("meanPerClass") });
  });
}
