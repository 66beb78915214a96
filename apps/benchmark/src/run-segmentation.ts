// The segmentation benchmark from options to results: open everything, train, test, draw, write, print.

import { createHash } from "node:crypto";
import { backendOptions, formatDuration, formatTable, ImageWatcher, printResult, requireWritable } from "@dinov2/cli";
import { decoderVersions, openSegmentationDataset } from "@dinov2/data";
import {
  type FrozenBackbone,
  publishedMultiScaleProtocol,
  publishedSegmentationProtocol,
  segmentationEvaluator,
  type SegmentationProtocol,
  type SegmentationTask,
} from "@dinov2/evaluation";
import { InputError } from "@dinov2/foundation";
import { type BenchmarkResults, resultsSchema } from "@dinov2/report";
import { useBackend } from "@dinov2/tensor";
import { DetailsWriter } from "./details.ts";
import { writeResults } from "./results.ts";
import { openBackbone } from "./run-benchmark.ts";
import type { SegmentationCommandOptions } from "./segmentation-command.ts";

export async function runSegmentation(options: SegmentationCommandOptions): Promise<void> {
  const { out, seed, data, batchSize, figures } = options;
  const started = performance.now();
  await requireWritable("--out", out, "folder");
  const protocol = segmentationProtocol(options);
  const task = { train: await openSegmentationDataset(data, "train"), test: await openSegmentationDataset(data, "val") };
  const backend = await useBackend(backendOptions(options));
  const backbone = await openBackbone(options);
  const details = new DetailsWriter(out);
  const watcher = new ImageWatcher();
  const metrics: Record<string, number> = {};
  try {
    const context = { task, seed, batchSize, figures, progress: watcher.progress, found: details.add.bind(details) };
    for await (const { metric, value } of segmentationEvaluator(protocol).run(backbone, context)) metrics[metric] = value;
    watcher.finish();
  } finally {
    watcher.clear();
  }
  const found = details.finish();
  const results: BenchmarkResults = {
    schema: resultsSchema,
    benchmark: "segmentation",
    metrics,
    notes: {},
    model: { source: options.model, untrained: options.untrained, width: backbone.places!.width },
    data: {
      source: data,
      origin: "the layout's own train and validation sides",
      classes: task.train.classNames.length,
      trainImages: task.train.length,
      testImages: task.test.length,
      fingerprint: fingerprintOf(task),
      skipped: [],
    },
    protocol: { ...written(protocol), batchSize, ...sizesOf(backbone) },
    seed,
    backend,
    versions: { node: process.versions.node, ...decoderVersions() },
    seconds: (performance.now() - started) / 1000,
    finishedAt: new Date().toISOString(),
    ...(found && { details: found }),
  };
  const path = await writeResults(out, results);
  printResult(options, { written: path, ...results }, () => summary(results, path));
}

/** The published protocol with what was asked for otherwise. */
export function segmentationProtocol(options: Omit<SegmentationCommandOptions, "model" | "data" | "out">): SegmentationProtocol {
  const published = options.multiScale ? publishedMultiScaleProtocol : publishedSegmentationProtocol;
  const { steps, trainBatch, learningRate, crop: size = published.crop.size, resize = size, layers = published.layers } = options;
  const stride = options.stride ?? Math.round((published.window.stride * size) / published.window.size);
  if (stride > size) throw new InputError(`--stride ${stride} is larger than the window of ${size}, so pixels would be left out; use ${size} at most.`);
  const scale = [published.crop.scale[0] === Infinity ? Infinity : 4 * resize, resize] as const;
  const crop = { ...published.crop, size, scale };
  return { ...published, steps, trainBatch, learningRate, layers, crop, testScale: scale, window: { size, stride } };
}

/** JSON has no Infinity: a longer side without a limit is null. */
const written = (protocol: SegmentationProtocol) => ({
  ...protocol,
  crop: { ...protocol.crop, scale: protocol.crop.scale.map(finite) },
  testScale: protocol.testScale.map(finite),
});
const finite = (limit: number) => (limit === Infinity ? null : limit);

/** SHA-256 over side and name of every pair, then the classes, in order. */
function fingerprintOf({ train, test }: SegmentationTask): string {
  const hash = createHash("sha256");
  for (const [side, dataset] of Object.entries({ train, test })) {
    for (let i = 0; i < dataset.length; i++) hash.update(`${side}\0${dataset.name(i)}\n`);
  }
  return hash.update(train.classNames.join("\n")).digest("hex");
}

/** How many pixels a feature is of, and how images are normalised where it is not by ImageNet's colours. */
const sizesOf = ({ places, imageSizes: { mean, standardDeviation } }: FrozenBackbone) => ({
  patchSize: places!.patchSize,
  ...(mean && { mean }),
  ...(standardDeviation && { standardDeviation }),
});

function summary({ model, data, metrics, protocol, seconds, details }: BenchmarkResults, path: string): string {
  const [iou, accuracy] = details?.perClass ?? [];
  const classes = (iou?.classNames ?? []).map((name, i) => [name, percent(iou!.values[i]), percent(accuracy!.values[i])]);
  return [
    `segmentation of ${model.source}${model.untrained ? " (untrained)" : ""}, ${String(protocol.layers)} layers at most, ${String(protocol.steps)} steps`,
    `${data.trainImages} train and ${data.testImages} test images in ${String(data.classes)} classes (${data.source})`,
    "",
    formatTable([["", "IoU", "accuracy"], ...classes], ["left", "right", "right"]),
    "",
    `mIoU ${percent(metrics["all.mIoU"])}, mAcc ${percent(metrics["all.mAcc"])}, aAcc ${percent(metrics["all.aAcc"])}`,
    "",
    `${formatDuration(seconds)}, written to ${path}, ${details?.pictures?.length ?? 0} pictures beside it`,
  ].join("\n");
}

/** A class that is in no test image has no share. */
const percent = (share: number | null | undefined) => (share === null || share === undefined ? "-" : `${(100 * share).toFixed(1)} %`);
