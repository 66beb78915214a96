// k-NN of the teacher's class token during a run: whether it learns, in a number that means something.

import { atMost } from "@dinov2/data";
import { type ClassificationTask, evaluationSizes, knnEvaluator, OFFICIAL_KS, openTask, vitBackbone } from "@dinov2/evaluation";
import { RandomStream } from "@dinov2/foundation";
import { imageReading, type Recipe, type RunEvaluation } from "@dinov2/training";

/** The official vote of 20 neighbours: weights are a softmax over all 200. */
const ks = [20, OFFICIAL_KS.at(-1)!];
const testShare = 0.2;

/**
 * Opens the images that a recipe's `watch` section names: those that vote and those that are tested, from the training images
 * where it names none. Its measures are `knn_top1`, `knn_top5` and `knn_mean_per_class`, shares of 1.
 * @param data the training images
 * @returns nothing when the recipe wants no evaluation
 * @throws InputError for images without classes, or none on one side
 */
export async function openKnnEvaluation(recipe: Recipe, data: string): Promise<RunEvaluation | undefined> {
  const { watch, seed } = recipe;
  if (watch.knnEverySteps === 0) return undefined;
  const { knnTrain, knnTest, knnImages } = watch;
  const sources = { data: knnTrain ?? data, ...(knnTest !== null && { testData: knnTest }) };
  const opened = await openTask({ ...sources, split: testShare, seed });
  const random = RandomStream.fromSeed(seed).split("k-NN images");
  const task: ClassificationTask = {
    train: atMost(opened.train, knnImages, random.split("train")),
    test: atMost(opened.test, knnImages, random.split("test")),
  };
  return {
    metric: "knn_top1",
    async measure(model) {
      const measures: Record<string, number> = {};
      const backbone = vitBackbone("teacher", model, { ...evaluationSizes(model.config), ...imageReading(recipe) });
      const context = { task, seed, pixelLimit: recipe.data.pixelLimit };
      for await (const { metric, value } of knnEvaluator({ ks }).run(backbone, context)) {
        // Those of k20, then those of more neighbours; with fewer than 20 images of all of them.
        measures[metric.replace(/^k\d+\./, "knn_")] ??= value;
      }
      return measures;
    },
  };
}
