// The depth benchmark: what is particular to it, for `measure`.

import { formatDuration, formatTable } from "@dinov2/cli";
import { depthEvaluator, depthMetricNames, type DepthProtocol, type DepthTask, publishedDepthProtocol } from "@dinov2/evaluation";
import { describePairs, placeSizes, placeWidth } from "./dense-results.ts";
import type { DepthCommandOptions } from "./depth-command.ts";
import { cropOf, openDepthTask } from "./depth-task.ts";
import { measure } from "./measure.ts";
import type { BenchmarkResults } from "./results.ts";

interface OpenedDepthTask extends DepthTask {
  readonly protocol: DepthProtocol;
}

export async function runDepth(options: DepthCommandOptions): Promise<void> {
  const { seed, figures } = options;
  await measure<OpenedDepthTask>(
    {
      benchmark: "depth",
      open: async () => {
        const task = await openDepthTask(options);
        return { ...task, protocol: await protocolOf(options, task.train) };
      },
      run: (backbone, { protocol, ...task }, { progress, found }) => depthEvaluator(protocol).run(backbone, { task, seed, figures, progress, found }),
      width: placeWidth,
      describe: ({ train, test }) => ({ origin: "the layout's own train and test lists", ...describePairs({ train, test }) }),
      protocol: (backbone, { protocol, test }) => ({ ...protocol, range: test.range, scoredCrop: test.scoredCrop ?? null, ...placeSizes(backbone) }),
      summary,
    },
    options,
  );
}

async function protocolOf(options: DepthCommandOptions, train: Parameters<typeof cropOf>[1]) {
  const { head, steps, trainBatch, learningRate, gradientLoss, flip: flipTest } = options;
  return { ...publishedDepthProtocol, head, steps, trainBatch, learningRate, gradientLoss, flipTest, crop: await cropOf(options, train) };
}

function summary({ model, data, metrics, protocol, seconds, details }: BenchmarkResults, written: string): string {
  const body = depthMetricNames.map((name) => [name, number(metrics[`image.${name}`]), number(metrics[`pooled.${name}`])]);
  return [
    `depth of ${model.source}${model.untrained ? " (untrained)" : ""}, head ${String(protocol.head)}, ${String(protocol.steps)} steps`,
    `${data.trainImages} train and ${data.testImages} test images (${data.source})`,
    "",
    formatTable([["", "mean of images", "all pixels"], ...body], ["left", "right", "right"]),
    "",
    `${formatDuration(seconds)}, written to ${written}, ${details?.pictures?.length ?? 0} pictures beside it`,
  ].join("\n");
}

const number = (value: number | undefined) => value?.toFixed(4) ?? "";
