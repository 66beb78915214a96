// The depth benchmark: what is particular to it, for `measure`.

import { formatDuration, formatTable } from "@dinov2/cli";
import { type DepthDataset, openDepthDataset } from "@dinov2/data";
import { depthEvaluator, depthHeadOf, depthMetricNames, type DepthProtocol, publishedDepthProtocol, readDepthHead } from "@dinov2/evaluation";
import { isHeadFile } from "./dense-options.ts";
import { describePairs, headOrigin, headWords, openPairs, type OpenedPairs, placeSizes, placeWidth } from "./dense-task.ts";
import type { DepthCommandOptions } from "./depth-command.ts";
import { cropOf, upTo } from "./depth-task.ts";
import { measure } from "./measure.ts";
import type { BenchmarkResults } from "./results.ts";

interface OpenedDepth extends OpenedPairs<DepthDataset> {
  readonly protocol: DepthProtocol;
}

export async function runDepth(options: DepthCommandOptions): Promise<void> {
  const { seed, figures, data, head, maxDepth } = options;
  await measure<OpenedDepth>(
    {
      benchmark: "depth",
      open: async () => {
        const openSide = async (side: "train" | "val") => {
          const dataset = await openDepthDataset(data, side);
          return maxDepth === undefined ? dataset : upTo(dataset, maxDepth);
        };
        const opened = await openPairs(openSide, isHeadFile(head) ? () => readDepthHead(head) : undefined);
        return { ...opened, protocol: await protocolOf(options, opened.task.train) };
      },
      run: (backbone, { protocol, ...opened }, { progress, found }) => depthEvaluator(protocol).run(backbone, { ...opened, seed, figures, progress, found }),
      width: placeWidth,
      describe: ({ task }) => ({ origin: "the layout's own train and test lists", ...describePairs(task) }),
      protocol: (backbone, { protocol, task: { test }, trainedHead }) => ({
        ...protocol,
        ...(trainedHead && { head: depthHeadOf(trainedHead, backbone.places!), ...headOrigin(trainedHead) }),
        range: test.range,
        scoredCrop: test.scoredCrop ?? null,
        ...placeSizes(backbone),
      }),
      summary,
    },
    options,
  );
}

async function protocolOf(options: DepthCommandOptions, train: DepthDataset | undefined): Promise<DepthProtocol> {
  const { head, steps, trainBatch, learningRate, gradientLoss, flip: flipTest } = options;
  const asked = { steps, trainBatch, learningRate, gradientLoss, flipTest };
  return { ...publishedDepthProtocol, ...asked, ...(!isHeadFile(head) && { head }), ...(train && { crop: await cropOf(options, train) }) };
}

function summary({ model, data, metrics, protocol, seconds, details }: BenchmarkResults, written: string): string {
  const body = depthMetricNames.map((name) => [name, number(metrics[`image.${name}`]), number(metrics[`pooled.${name}`])]);
  return [
    `depth of ${model.source}${model.untrained ? " (untrained)" : ""}, head ${String(protocol.head)}, ${headWords(protocol)}`,
    `${data.trainImages} train and ${data.testImages} test images (${data.source})`,
    "",
    formatTable([["", "mean of images", "all pixels"], ...body], ["left", "right", "right"]),
    "",
    `${formatDuration(seconds)}, written to ${written}, ${details?.pictures?.length ?? 0} pictures beside it`,
  ].join("\n");
}

const number = (value: number | undefined) => value?.toFixed(4) ?? "";
