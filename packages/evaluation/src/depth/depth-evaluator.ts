// How well depths can be read off the frozen features of places: a head is trained on pairs of images and depths, and scored
// on others.

import { type DepthBatch, depthBatches, type DepthPair, type Normalization, readDepthPair } from "@dinov2/data";
import { InputError, RandomStream } from "@dinov2/foundation";
import type { FrozenBackbone } from "../backbone.ts";
import { colorNormalization } from "../dense/color-normalization.ts";
import { trainDense } from "../dense/dense-trainer.ts";
import { evenlySpread } from "../dense/figures.ts";
import type { Detail, PictureDetail } from "../details.ts";
import type { EvaluationWatcher, Measurement } from "../evaluator.ts";
import { depthFigure } from "./depth-figure.ts";
import { depthMetricNames, DepthScores } from "./depth-metrics.ts";
import { DepthProbe, depthTensors } from "./depth-probe.ts";
import { depthLearningRate, type DepthProtocol, type DepthTask, meanOnlySteps, publishedDepthProtocol } from "./depth-protocol.ts";
import { predictDepth } from "./predict-depth.ts";

export interface DepthContext extends EvaluationWatcher {
  readonly task: DepthTask;
  readonly seed: number;
  /** Takes figures of some test images (folder "depth"). */
  found?(detail: Detail): void | Promise<void>;
  /** How many figures, of images evenly spread over the test set. */
  readonly figures?: number;
}

export interface DepthEvaluator {
  readonly name: "depth";
  run(backbone: FrozenBackbone, context: DepthContext): AsyncIterable<Measurement>;
}

/**
 * The nine depth metrics, each twice: `image.rmse` is the mean over images of each image's own number, which papers report,
 * and `pooled.rmse` the number of all pixels of the set together.
 */
export function depthEvaluator(options: Partial<DepthProtocol> = {}): DepthEvaluator {
  const protocol = { ...publishedDepthProtocol, ...options };
  return {
    name: "depth",
    async *run(backbone, context) {
      const { train, test } = context.task;
      if (test.length === 0) throw new InputError("There is no pair of an image and its depths to test on; name a split that has some.");
      const normalization = colorNormalization(backbone);
      const random = RandomStream.fromSeed(context.seed).split("depth head");
      const probe = new DepthProbe(backbone, { head: protocol.head, range: train.range, random });
      try {
        await trainProbe(probe, normalization, protocol, context);
        yield* measurements(await score(probe, normalization, protocol, context));
      } finally {
        probe.dispose();
      }
    },
  };
}

async function trainProbe(probe: DepthProbe, normalization: Normalization, protocol: DepthProtocol, context: DepthContext): Promise<void> {
  const { steps, trainBatch: batchSize, crop, weightDecay, clipNorm, gradientLoss: edges } = protocol;
  const meanOnly = meanOnlySteps(steps);
  const batches = depthBatches(context.task.train, { batchSize, seed: context.seed, crop, normalization });
  await trainDense(
    batches,
    {
      parameters: probe.head.parameters,
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
      onProgress: (done, total) => context.progress?.("training steps", done, total),
    },
  );
}

async function score(
  probe: DepthProbe,
  normalization: Normalization,
  { flipTest: flip }: DepthProtocol,
  { task: { test }, progress, found, figures = 8 }: DepthContext,
): Promise<DepthScores> {
  const shown = found ? evenlySpread(figures, test.length) : new Set();
  const scores = new DepthScores(test);
  progress?.("testing", 0, test.length);
  for (let index = 0; index < test.length; index++) {
    const pair = await readDepthPair(test, index);
    const depths = await predictDepth(probe, pair.image, { normalization, flip });
    scores.add(depths, pair.map);
    if (shown.has(index)) await found!(figureOf(test.name(index), pair, depths));
    progress?.("testing", index + 1, test.length);
  }
  if (scores.imageCount === 0) {
    throw new InputError(`No test image has a measured pixel between ${test.range[0]} and ${test.range[1]} m where it is scored; check the range and the crop.`);
  }
  return scores;
}

function* measurements(scores: DepthScores): Iterable<Measurement> {
  const sums = { image: scores.perImage(), pooled: scores.pooled() };
  for (const [sum, metrics] of Object.entries(sums)) {
    for (const name of depthMetricNames) yield { metric: `${sum}.${name}`, value: metrics[name] };
  }
}

const figureOf = (name: string, pair: DepthPair, depths: Float32Array): PictureDetail => ({
  detail: "picture",
  folder: "depth",
  name,
  caption: "the picture, its measured depths, the predicted ones; near is bright",
  image: depthFigure(pair, depths),
});
