// How well depths can be read off the frozen features of places: a head is trained on pairs of images and depths, and scored
// on others.

import { type DepthBatch, depthBatches, type DepthDataset, type Normalization, readDepthPair } from "@dinov2/data";
import { InputError, RandomStream } from "@dinov2/foundation";
import { colorNormalization } from "../dense/color-normalization.ts";
import { type DenseContext, type DenseEvaluator, evaluateHead, requirePairs, testPairs } from "../dense/dense-evaluation.ts";
import { trainDense } from "../dense/dense-trainer.ts";
import { trainable } from "../dense/head-weights.ts";
import type { Measurement } from "../evaluator.ts";
import { depthFigure } from "./depth-figure.ts";
import { depthMetricNames, DepthScores } from "./depth-metrics.ts";
import { DepthProbe, depthTensors } from "./depth-probe.ts";
import { depthLearningRate, type DepthProtocol, type DepthTask, meanOnlySteps, publishedDepthProtocol } from "./depth-protocol.ts";
import { predictDepth } from "./predict-depth.ts";

export type DepthContext = DenseContext<DepthTask>;
export type DepthEvaluator = DenseEvaluator<"depth", DepthContext>;

/**
 * The nine depth metrics, each twice: `image.rmse` is the mean over images of each image's own number, which papers report,
 * and `pooled.rmse` the number of all pixels of the set together.
 */
export function depthEvaluator(options: Partial<DepthProtocol> = {}): DepthEvaluator {
  const protocol = { ...publishedDepthProtocol, ...options };
  return {
    name: "depth",
    async *run(backbone, context) {
      requirePairs(context.task, "its depths");
      const normalization = colorNormalization(backbone);
      const random = RandomStream.fromSeed(context.seed).split("depth head");
      const probe = new DepthProbe(backbone, { head: context.trainedHead ?? protocol.head, range: context.task.test.range, random });
      yield* evaluateHead(context, {
        probe,
        train: (dataset) => train(probe, dataset, normalization, protocol, context),
        test: () => test(probe, normalization, protocol, context),
      });
    },
  };
}

async function train(probe: DepthProbe, dataset: DepthDataset, normalization: Normalization, protocol: DepthProtocol, context: DepthContext): Promise<void> {
  const { steps, trainBatch: batchSize, crop, weightDecay, clipNorm, gradientLoss: edges } = protocol;
  const meanOnly = meanOnlySteps(steps);
  await trainDense(
    depthBatches(dataset, { batchSize, seed: context.seed, crop, normalization }),
    {
      parameters: trainable(probe.head.tensors),
      prepare: (batch: DepthBatch) => {
        const { images, depths } = depthTensors(batch);
        return { maps: probe.features(images), depths };
      },
      loss: ({ maps, depths }, step) => probe.loss(maps, depths, { meanOnly: step < meanOnly, edges }),
    },
    {
      steps,
      learningRate: depthLearningRate(protocol),
      weightDecay,
      clipNorm,
      onProgress: (done, total) => context.progress?.("training", done, total, "steps"),
    },
  );
}

async function* test(probe: DepthProbe, normalization: Normalization, { flipTest: flip }: DepthProtocol, context: DepthContext): AsyncIterable<Measurement> {
  const { test } = context.task;
  const scores = new DepthScores(test);
  await testPairs(context, {
    read: (index) => readDepthPair(test, index),
    answer: ({ image }) => predictDepth(probe, image, { normalization, flip }),
    score: (depths, { map }) => scores.add(depths, map),
    figure: { draw: depthFigure, folder: "depth", caption: "the picture, its measured depths, the predicted ones; near is bright" },
  });
  if (scores.imageCount === 0) {
    throw new InputError(`No test image has a measured pixel between ${test.range[0]} and ${test.range[1]} m where it is scored; check the range and the crop.`);
  }
  yield* measurements(scores);
}

function* measurements(scores: DepthScores): Iterable<Measurement> {
  const sums = { image: scores.perImage(), pooled: scores.pooled() };
  for (const [sum, metrics] of Object.entries(sums)) {
    for (const name of depthMetricNames) yield { metric: `${sum}.${name}`, value: metrics[name] };
  }
}
