// One benchmark from options to results: open everything, measure, write, print.

import {
  backendOptions,
  formatDuration,
  ImageWatcher,
  printResult,
  requireWritable,
  type CommonOptions,
  type ImageOptions,
} from "@dinov2/cli";
import { decoderVersions } from "@dinov2/data";
import {
  evaluationSizes,
  fingerprint,
  openTask,
  pixelBackbone,
  vitBackbone,
  type Detail,
  type Evaluator,
  type FrozenBackbone,
} from "@dinov2/evaluation";
import { RandomStream } from "@dinov2/foundation";
import { resultsSchema } from "@dinov2/report";
import { useBackend } from "@dinov2/tensor";
import { imageReadingOf } from "@dinov2/training";
import { loadModel, VisionTransformer } from "@dinov2/vit";
import { DetailsWriter } from "./details.ts";
import { metricTable, writeResults, type BenchmarkResults } from "./results.ts";

export interface BenchmarkOptions extends CommonOptions, ImageOptions {
  readonly model: string;
  readonly data: string;
  readonly testData?: string;
  readonly out: string;
  readonly split: number;
  readonly untrained: boolean;
}

type BackboneOptions = Pick<BenchmarkOptions, "model" | "untrained" | "seed" | "size" | "resize">;

/** One measure: how it is taken, and how it is shown. */
export interface Benchmark {
  readonly evaluator: Evaluator;
  /** The evaluator's own settings, for the results. */
  readonly protocol: Readonly<Record<string, unknown>>;
  /** The metrics for a terminal; `metricTable` as it comes. */
  readonly table?: (metrics: Readonly<Record<string, number>>, notes: Readonly<Record<string, string>>) => string;
}

export async function runBenchmark({ evaluator, protocol, table = metricTable }: Benchmark, options: BenchmarkOptions): Promise<void> {
  const { batchSize, seed, out, pixelLimit } = options;
  const started = performance.now();
  await requireWritable("--out", out, "folder");
  const task = await openTask(options);
  const backend = await useBackend(backendOptions(options));
  const backbone = await openBackbone(options);

  const watcher = new ImageWatcher();
  const metrics: Record<string, number> = {};
  const notes: Record<string, string> = {};
  const detailsWriter = new DetailsWriter(out, task);
  try {
    const { progress, skipped } = watcher;
    const found = (detail: Detail) => detailsWriter.add(detail);
    const context = { task, batchSize, seed, progress, skipped, found, ...(pixelLimit !== undefined && { pixelLimit }) };
    for await (const { metric, value, note } of evaluator.run(backbone, context)) {
      metrics[metric] = value;
      if (note !== undefined) notes[metric] = note;
    }
    watcher.finish();
  } finally {
    watcher.clear();
  }

  const details = detailsWriter.finish();
  const results: BenchmarkResults = {
    schema: resultsSchema,
    benchmark: evaluator.name,
    metrics,
    notes,
    model: { source: options.model, untrained: options.untrained, width: backbone.width },
    data: {
      source: options.data,
      origin: task.origin,
      classes: task.classNames.length,
      trainImages: task.train.length,
      testImages: task.test.length,
      fingerprint: fingerprint(task),
      skipped: watcher.skippedImages,
    },
    protocol: { ...protocol, ...backbone.imageSizes, batchSize },
    seed,
    backend,
    versions: { node: process.versions.node, ...decoderVersions() },
    seconds: (performance.now() - started) / 1000,
    finishedAt: new Date().toISOString(),
    ...(details && { details }),
  };
  const written = await writeResults(out, results);
  printResult(options, { written, ...results }, () => summary(results, table(metrics, notes), written));
}

/** The frozen network that the options name. */
export async function openBackbone({ model: source, untrained, size, resize, seed }: BackboneOptions): Promise<FrozenBackbone> {
  if (source === "pixels") return pixelBackbone(size ?? 16);
  const loaded = await loadModel(source);
  const sizes = { ...evaluationSizes(loaded.config, { cropSize: size, resizeSize: resize }), ...(await imageReadingOf(source)) };
  if (!untrained) return vitBackbone(source, loaded, sizes);
  const fresh = VisionTransformer.create(loaded.config, RandomStream.fromSeed(seed).split("untrained"));
  loaded.dispose();
  return vitBackbone(`${source}, untrained`, fresh, sizes);
}

function summary({ benchmark, model, data, protocol, seconds }: BenchmarkResults, table: string, written: string): string {
  const leftOut = data.skipped.length > 0 ? `, ${data.skipped.length} left out` : "";
  return [
    `${benchmark} of ${model.source}${model.untrained ? " (untrained)" : ""} at ${String(protocol.cropSize)} px`,
    `${data.trainImages} train and ${data.testImages} test images in ${String(data.classes)} classes${leftOut}`,
    `(${data.origin})`,
    "",
    table,
    "",
    `${formatDuration(seconds)}, written to ${written}`,
  ].join("\n");
}
