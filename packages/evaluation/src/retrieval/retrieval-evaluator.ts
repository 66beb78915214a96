import { evalTransform, evalTransformOptions, type ImageDataset } from "@dinov2/data";
import { InputError } from "@dinov2/foundation";
import type { FrozenBackbone } from "../backbone.ts";
import type { Detail } from "../details.ts";
import type { EvaluationWatcher, Measurement, ReadingOptions } from "../evaluator.ts";
import { exampleNeighbours } from "../example-neighbours.ts";
import { createFeatureMatrix, rowRange } from "../feature-matrix.ts";
import { batchFeatures, type ExtractedFeatures, extractFeatures } from "../features.ts";
import { nearestNeighbours } from "../nearest-neighbours.ts";
import { averagePrecision, hit, ranksOf, revisitedPrecision, trapezoidAveragePrecision } from "./ranking-scores.ts";
import type { CutOuts, RetrievalTask } from "./retrieval-task.ts";

export interface RetrievalContext extends ReadingOptions {
  readonly task: RetrievalTask;
  readonly seed: number;
  /** Takes the nearest images of some labelled queries, to look at. */
  found?(detail: Detail): void | Promise<void>;
}

/** A score of one query from the places of what is right. */
type Score = (ranks: readonly number[], rightCount: number) => number;

const revisitedScores: Readonly<Record<string, Score>> = {
  mAP: trapezoidAveragePrecision,
  "mP@1": (ranks) => revisitedPrecision(ranks, 1),
  "mP@5": (ranks) => revisitedPrecision(ranks, 5),
  "mP@10": (ranks) => revisitedPrecision(ranks, 10),
};
const instanceScores: Readonly<Record<string, Score>> = { top1: (ranks) => hit(ranks, 1), top5: (ranks) => hit(ranks, 5), mAP: averagePrecision };

/** Queries that are ranked at once: their rankings of the whole gallery are in memory. */
const QUERIES_AT_ONCE = 256;

/**
 * Images of a gallery ranked by the cosine of their features with the query's. Metrics, means over the queries that have something
 * right to find: `medium.mAP`, `medium.mP@10` and so on for the revisited protocol, else `instance.top1`, `.top5` and `.mAP`.
 */
export async function* evaluateRetrieval(backbone: FrozenBackbone, context: RetrievalContext): AsyncIterable<Measurement> {
  const { task } = context;
  const gallery = await extractFeatures(backbone, task.gallery, { ...context, stage: "gallery" });
  const queries = await queryFeatures(backbone, gallery, context);
  const scores = task.revisited ? revisitedScores : instanceScores;
  const sums = new Map([...task.settings.keys()].map((setting) => [setting, { queries: 0, scores: Object.keys(scores).map(() => 0) }]));
  for await (const { query, ranking } of rankings(gallery, queries)) {
    for (const [setting, relevanceOf] of task.settings) {
      const { right, ignored } = relevanceOf(query);
      if (right.size === 0) continue;
      const sum = sums.get(setting)!;
      const ranks = ranksOf(ranking, right, ignored);
      sum.queries++;
      Object.values(scores).forEach((score, i) => (sum.scores[i]! += score(ranks, right.size)));
    }
  }
  for (const [setting, sum] of sums) {
    const note = `mean of ${sum.queries} queries`;
    for (const [i, name] of Object.keys(scores).entries()) yield { metric: `${setting}.${name}`, value: sum.scores[i]! / sum.queries, note };
  }
  if (context.found && !("read" in task.queries) && queries !== gallery) {
    const labelled = (images: ImageDataset, extracted: ExtractedFeatures) => ({ ...extracted, labels: extracted.rows.map((row) => images.label(row)!) });
    await context.found(await exampleNeighbours(labelled(task.gallery, gallery), labelled(task.queries, queries), context.seed));
  }
}

async function* rankings(gallery: ExtractedFeatures, { features, rows }: ExtractedFeatures) {
  for (let start = 0; start < features.count; start += QUERIES_AT_ONCE) {
    const some = rowRange(features, start, Math.min(start + QUERIES_AT_ONCE, features.count));
    const { indices, k } = await nearestNeighbours(gallery.features, some, gallery.features.count);
    for (let i = 0; i < some.count; i++) {
      yield { query: rows[start + i]!, ranking: indices.subarray(i * k, (i + 1) * k).map((row) => gallery.rows[row]!) };
    }
  }
}

function queryFeatures(backbone: FrozenBackbone, gallery: ExtractedFeatures, context: RetrievalContext): Promise<ExtractedFeatures> {
  const { task } = context;
  if (task.queries === task.gallery) return Promise.resolve(gallery);
  if ("read" in task.queries) return cutOutFeatures(backbone, task.queries, context);
  return extractFeatures(backbone, task.queries, { ...context, stage: "queries" });
}

/** Each in a forward of its own: there are 70 of them. */
async function cutOutFeatures(backbone: FrozenBackbone, cutOuts: CutOuts, { progress }: EvaluationWatcher): Promise<ExtractedFeatures> {
  const { channels = 3, mean, standardDeviation, cropSize, resizeSize } = backbone.imageSizes;
  if (channels !== 3) throw new InputError(`The model reads images of ${channels} channels; expected 3, the colours that queries are cut out in.`);
  const options = evalTransformOptions({ cropSize, resizeSize, ...(mean && { mean }), ...(standardDeviation && { standardDeviation }) });
  const features = createFeatureMatrix(cutOuts.length, backbone.width);
  for (let query = 0; query < cutOuts.length; query++) {
    const pixels = evalTransform(await cutOuts.read(query), options);
    features.values.set(await batchFeatures(backbone, pixels, [1, 3, cropSize, cropSize]), query * backbone.width);
    progress?.("queries", query + 1, cutOuts.length);
  }
  return { features, rows: Int32Array.from({ length: cutOuts.length }, (_, query) => query) };
}
