// How well classes of pixels can be read off the frozen features of places: a head is trained on pairs of images and masks, and
// scored on others.

import { type Normalization, readSegmentationPair, type SegmentationBatch, segmentationBatches, type SegmentationDataset } from "@dinov2/data";
import { RandomStream } from "@dinov2/foundation";
import { colorNormalization } from "../dense/color-normalization.ts";
import { type DenseContext, type DenseEvaluator, evaluateHead, requirePairs, testPairs } from "../dense/dense-evaluation.ts";
import { trainDense } from "../dense/dense-trainer.ts";
import { trainable } from "../dense/head-weights.ts";
import type { Measurement } from "../evaluator.ts";
import { segmentationFigure } from "./overlay.ts";
import { predictClasses } from "./predict-classes.ts";
import { SegmentationProbe, segmentationTensors } from "./segmentation-probe.ts";
import { publishedSegmentationProtocol, segmentationLearningRate, type SegmentationProtocol, type SegmentationTask } from "./segmentation-protocol.ts";
import { SegmentationScores } from "./segmentation-scores.ts";

export interface SegmentationContext extends DenseContext<SegmentationTask> {
  /** Images in one forward. */
  readonly batchSize?: number;
}

export type SegmentationEvaluator = DenseEvaluator<"segmentation", SegmentationContext>;

/** Metrics: `all.mIoU`, `all.aAcc` and `all.mAcc`; the classes' own are details. */
export function segmentationEvaluator(options: Partial<SegmentationProtocol> = {}): SegmentationEvaluator {
  const protocol = { ...publishedSegmentationProtocol, ...options };
  return {
    name: "segmentation",
    async *run(backbone, context) {
      requirePairs(context.task, "its mask");
      const normalization = colorNormalization(backbone);
      const random = RandomStream.fromSeed(context.seed).split("segmentation head");
      const classCount = context.task.test.classNames.length;
      const probe = new SegmentationProbe(backbone, { layers: context.trainedHead ?? protocol.layers, classCount, random });
      yield* evaluateHead(context, {
        probe,
        train: (dataset) => train(probe, dataset, normalization, protocol, context),
        test: () => test(probe, normalization, protocol, context),
      });
    },
  };
}

async function train(
  probe: SegmentationProbe,
  dataset: SegmentationDataset,
  normalization: Normalization,
  protocol: SegmentationProtocol,
  { seed, batchSize: atOnce = 32, progress }: SegmentationContext,
): Promise<void> {
  const { steps, trainBatch: batchSize, crop, weightDecay } = protocol;
  await trainDense(
    segmentationBatches(dataset, { batchSize, seed, crop, normalization }),
    {
      parameters: trainable(probe.head.tensors),
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
      onProgress: (done, total) => progress?.("training", done, total, "steps"),
    },
  );
}

async function* test(
  probe: SegmentationProbe,
  normalization: Normalization,
  protocol: SegmentationProtocol,
  context: SegmentationContext,
): AsyncIterable<Measurement> {
  const { test } = context.task;
  const { classNames } = test;
  const scores = new SegmentationScores(classNames.length);
  await testPairs(context, {
    read: (index) => readSegmentationPair(test, index),
    answer: ({ image }) => predictClasses(probe, image, { ...protocol, normalization }),
    score: (classes, { map }) => scores.add(classes, map.labels),
    figure: { draw: segmentationFigure, folder: "overlays", caption: "the picture, its true classes, the predicted ones" },
  });
  const { mIoU, aAcc, mAcc, iou, accuracy } = scores.metrics();
  for (const [name, value] of Object.entries({ mIoU, aAcc, mAcc })) yield { metric: `all.${name}`, value };
  await context.found?.({ detail: "perClass", of: "all", measure: "IoU", values: iou, classNames });
  await context.found?.({ detail: "perClass", of: "all", measure: "accuracy", values: accuracy, classNames });
}
