// How well classes of pixels can be read off the frozen features of places: a head is trained on pairs of images and masks, and
// scored on others.

import { type Normalization, readSegmentationPair, type SegmentationBatch, segmentationBatches, type SegmentationPair } from "@dinov2/data";
import { InputError, RandomStream } from "@dinov2/foundation";
import type { FrozenBackbone } from "../backbone.ts";
import { colorNormalization } from "../dense/color-normalization.ts";
import { trainDense } from "../dense/dense-trainer.ts";
import { evenlySpread } from "../dense/figures.ts";
import type { Detail, PictureDetail } from "../details.ts";
import type { EvaluationWatcher, Measurement } from "../evaluator.ts";
import { segmentationFigure } from "./overlay.ts";
import { predictClasses } from "./predict-classes.ts";
import { SegmentationProbe, segmentationTensors } from "./segmentation-probe.ts";
import { publishedSegmentationProtocol, segmentationLearningRate, type SegmentationProtocol, type SegmentationTask } from "./segmentation-protocol.ts";
import { type SegmentationMetrics, SegmentationScores } from "./segmentation-scores.ts";

export interface SegmentationContext extends EvaluationWatcher {
  readonly task: SegmentationTask;
  readonly seed: number;
  /** Images in one forward. */
  readonly batchSize?: number;
  /** Takes the IoU and the accuracy of each class, and figures of some test images (folder "overlays"). */
  found?(detail: Detail): void | Promise<void>;
  /** How many figures, of images evenly spread over the test set. */
  readonly figures?: number;
}

export interface SegmentationEvaluator {
  readonly name: "segmentation";
  run(backbone: FrozenBackbone, context: SegmentationContext): AsyncIterable<Measurement>;
}

/** Metrics: `all.mIoU`, `all.aAcc` and `all.mAcc`; the classes' own are details. */
export function segmentationEvaluator(options: Partial<SegmentationProtocol> = {}): SegmentationEvaluator {
  const protocol = { ...publishedSegmentationProtocol, ...options };
  return {
    name: "segmentation",
    async *run(backbone, context) {
      const { train, test } = context.task;
      if (test.length === 0) throw new InputError("There is no pair of an image and its mask to test on; name a split that has some.");
      const normalization = colorNormalization(backbone);
      const random = RandomStream.fromSeed(context.seed).split("segmentation head");
      const { layers } = protocol;
      const probe = new SegmentationProbe(backbone, { layers, classCount: train.classNames.length, random });
      try {
        await trainProbe(probe, normalization, protocol, context);
        const { mIoU, aAcc, mAcc, iou, accuracy } = await score(probe, normalization, protocol, context);
        for (const [name, value] of Object.entries({ mIoU, aAcc, mAcc })) yield { metric: `all.${name}`, value };
        const { classNames } = train;
        await context.found?.({ detail: "perClass", of: "all", measure: "IoU", values: iou, classNames });
        await context.found?.({ detail: "perClass", of: "all", measure: "accuracy", values: accuracy, classNames });
      } finally {
        probe.dispose();
      }
    },
  };
}

async function trainProbe(
  probe: SegmentationProbe,
  normalization: Normalization,
  protocol: SegmentationProtocol,
  { task, seed, batchSize: atOnce = 32, progress }: SegmentationContext,
): Promise<void> {
  const { steps, trainBatch: batchSize, crop, weightDecay } = protocol;
  await trainDense(
    segmentationBatches(task.train, { batchSize, seed, crop, normalization }),
    {
      parameters: probe.head.parameters,
      prepare: (batch: SegmentationBatch) => {
        const { images, labels } = segmentationTensors(batch);
        return { features: probe.features(images, atOnce), labels };
      },
      loss: ({ features, labels }) => probe.loss(features, labels),
    },
    {
      steps,
      learningRate: segmentationLearningRate(protocol),
      weightDecay,
      onProgress: (done, total) => progress?.("training steps", done, total),
    },
  );
}

async function score(
  probe: SegmentationProbe,
  normalization: Normalization,
  protocol: SegmentationProtocol,
  { task: { test }, progress, found, figures = 8 }: SegmentationContext,
): Promise<SegmentationMetrics> {
  const shown = found ? evenlySpread(figures, test.length) : new Set();
  const scores = new SegmentationScores(test.classNames.length);
  progress?.("testing", 0, test.length);
  for (let index = 0; index < test.length; index++) {
    const pair = await readSegmentationPair(test, index);
    const classes = await predictClasses(probe, pair.image, { ...protocol, normalization });
    scores.add(classes, pair.map.labels);
    if (shown.has(index)) await found!(figureOf(test.name(index), pair, classes));
    progress?.("testing", index + 1, test.length);
  }
  return scores.metrics();
}

const figureOf = (name: string, pair: SegmentationPair, classes: Uint8Array): PictureDetail => ({
  detail: "picture",
  folder: "overlays",
  name,
  caption: "the picture, its true classes, the predicted ones",
  image: segmentationFigure(pair, classes),
});
