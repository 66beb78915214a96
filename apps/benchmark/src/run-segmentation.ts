// The segmentation benchmark: what is particular to it, for `measure`.

import { formatDuration, formatTable } from "@dinov2/cli";
import { openSegmentationDataset, type SegmentationDataset } from "@dinov2/data";
import {
  layersReadBy,
  publishedMultiScaleProtocol,
  publishedSegmentationProtocol,
  readSegmentationHead,
  segmentationEvaluator,
  type SegmentationProtocol,
} from "@dinov2/evaluation";
import { InputError } from "@dinov2/foundation";
import { describePairs, headOrigin, headWords, openPairs, type OpenedPairs, placeSizes, placeWidth } from "./dense-task.ts";
import { measure } from "./measure.ts";
import type { BenchmarkResults } from "./results.ts";
import type { SegmentationCommandOptions } from "./segmentation-command.ts";

export async function runSegmentation(options: SegmentationCommandOptions): Promise<void> {
  const { seed, data, head, batchSize, figures } = options;
  const protocol = segmentationProtocol(options);
  await measure<OpenedPairs<SegmentationDataset>>(
    {
      benchmark: "segmentation",
      open: () => openPairs((side) => openSegmentationDataset(data, side), head && (() => readSegmentationHead(head))),
      run: (backbone, opened, { progress, found }) => segmentationEvaluator(protocol).run(backbone, { ...opened, seed, batchSize, figures, progress, found }),
      width: placeWidth,
      describe: ({ task }) => {
        const { classNames } = task.test;
        return { origin: "the layout's own train and validation sides", classes: classNames.length, ...describePairs(task, classNames) };
      },
      protocol: (backbone, { trainedHead }) => ({
        ...written(protocol),
        batchSize,
        ...(trainedHead && { layers: layersReadBy(trainedHead, backbone.places!), ...headOrigin(trainedHead) }),
        ...placeSizes(backbone),
      }),
      summary,
    },
    options,
  );
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

function summary({ model, data, metrics, protocol, seconds, details }: BenchmarkResults, path: string): string {
  const [iou, accuracy] = details?.perClass ?? [];
  const classes = (iou?.classNames ?? []).map((name, i) => [name, percent(iou!.values[i]), percent(accuracy!.values[i])]);
  return [
    `segmentation of ${model.source}${model.untrained ? " (untrained)" : ""}, ${String(protocol.layers)} layers at most, ${headWords(protocol)}`,
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
