// The depth benchmark from options to results: open everything, train, test, draw, write, print.

import { backendOptions, formatDuration, formatTable, ImageWatcher, printResult, requireWritable } from "@dinov2/cli";
import { decoderVersions } from "@dinov2/data";
import { depthEvaluator, depthMetricNames, type FrozenBackbone, publishedDepthProtocol } from "@dinov2/evaluation";
import { type BenchmarkResults, resultsSchema } from "@dinov2/report";
import { useBackend } from "@dinov2/tensor";
import type { DepthCommandOptions } from "./depth-command.ts";
import { cropOf, depthFingerprint, openDepthTask } from "./depth-task.ts";
import { DetailsWriter } from "./details.ts";
import { writeResults } from "./results.ts";
import { openBackbone } from "./run-benchmark.ts";

export async function runDepth(options: DepthCommandOptions): Promise<void> {
  const { out, seed, data, figures } = options;
  const started = performance.now();
  await requireWritable("--out", out, "folder");
  const task = await openDepthTask(options);
  const protocol = await protocolOf(options, task.train);
  const backend = await useBackend(backendOptions(options));
  const backbone = await openBackbone(options);
  const details = new DetailsWriter(out);
  const watcher = new ImageWatcher();
  const metrics: Record<string, number> = {};
  try {
    const context = { task, seed, figures, progress: watcher.progress, found: details.add.bind(details) };
    for await (const { metric, value } of depthEvaluator(protocol).run(backbone, context)) metrics[metric] = value;
    watcher.finish();
  } finally {
    watcher.clear();
  }
  const found = details.finish();
  const results: BenchmarkResults = {
    schema: resultsSchema,
    benchmark: "depth",
    metrics,
    notes: {},
    model: { source: options.model, untrained: options.untrained, width: backbone.places!.width },
    data: {
      source: data,
      origin: "the layout's own train and test lists",
      trainImages: task.train.length,
      testImages: task.test.length,
      fingerprint: depthFingerprint(task),
      skipped: [],
    },
    protocol: { ...protocol, range: task.test.range, scoredCrop: task.test.scoredCrop ?? null, ...sizesOf(backbone) },
    seed,
    backend,
    versions: { node: process.versions.node, ...decoderVersions() },
    seconds: (performance.now() - started) / 1000,
    finishedAt: new Date().toISOString(),
    ...(found && { details: found }),
  };
  const written = await writeResults(out, results);
  printResult(options, { written, ...results }, () => summary(results, written));
}

async function protocolOf(options: DepthCommandOptions, train: Parameters<typeof cropOf>[1]) {
  const { head, steps, trainBatch, learningRate, gradientLoss, flip: flipTest } = options;
  return { ...publishedDepthProtocol, head, steps, trainBatch, learningRate, gradientLoss, flipTest, crop: await cropOf(options, train) };
}

/** How many pixels a feature is of, and how images are normalised where it is not by ImageNet's colours. */
const sizesOf = ({ places, imageSizes: { mean, standardDeviation } }: FrozenBackbone) => ({
  patchSize: places!.patchSize,
  ...(mean && { mean }),
  ...(standardDeviation && { standardDeviation }),
});

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
