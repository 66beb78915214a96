// One benchmark from options to results: open everything, measure, write, print.

import { backendOptions, formatDuration, printResult, Progress, requireWritable, type CommonOptions } from "@dinov2/cli";
import { decoderVersions } from "@dinov2/data";
import {
  evaluationSizes,
  pixelBackbone,
  vitBackbone,
  type EvaluationWatcher,
  type Evaluator,
  type FrozenBackbone,
} from "@dinov2/evaluation";
import { RandomStream } from "@dinov2/foundation";
import { useBackend } from "@dinov2/tensor";
import { loadModel, VisionTransformer } from "@dinov2/vit";
import { metricTable, writeResults, type BenchmarkResults } from "./results.ts";
import { fingerprint, openTask } from "./task.ts";

export interface BenchmarkOptions extends CommonOptions {
  readonly model: string;
  readonly data: string;
  readonly testData?: string;
  readonly out: string;
  readonly split: number;
  readonly untrained: boolean;
  readonly size?: number;
  readonly resize?: number;
  readonly batchSize: number;
}

/** @param protocol the evaluator's own settings, for the results */
export async function runBenchmark(
  evaluator: Evaluator,
  options: BenchmarkOptions,
  protocol: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { batchSize, seed, out } = options;
  const started = performance.now();
  await requireWritable("--out", out, "folder");
  const task = await openTask(options);
  const backend = await useBackend(backendOptions(options));
  const backbone = await openBackbone(options);

  const skipped: { name: string; reason: string }[] = [];
  const metrics: Record<string, number> = {};
  const watcher = watchOnStderr(skipped);
  for await (const { metric, value } of evaluator.run(backbone, { task, batchSize, seed, ...watcher })) {
    metrics[metric] = value;
  }

  const results: BenchmarkResults = {
    benchmark: evaluator.name,
    metrics,
    model: { source: options.model, untrained: options.untrained, width: backbone.width },
    data: {
      source: options.data,
      origin: task.origin,
      classes: task.classNames.length,
      trainImages: task.train.length,
      testImages: task.test.length,
      fingerprint: fingerprint(task),
      skipped,
    },
    protocol: { ...protocol, ...backbone.imageSizes, batchSize },
    seed,
    backend,
    versions: { node: process.versions.node, ...decoderVersions() },
    seconds: (performance.now() - started) / 1000,
    finishedAt: new Date().toISOString(),
  };
  const written = await writeResults(out, results);
  printResult(options, { written, ...results }, () => summary(results, written));
}

async function openBackbone({ model: source, untrained, size, resize, seed }: BenchmarkOptions): Promise<FrozenBackbone> {
  if (source === "pixels") return pixelBackbone(size ?? 16);
  const loaded = await loadModel(source);
  const sizes = evaluationSizes(loaded.config, { cropSize: size, resizeSize: resize });
  if (!untrained) return vitBackbone(source, loaded, sizes);
  const fresh = VisionTransformer.create(loaded.config, RandomStream.fromSeed(seed).split("untrained"));
  loaded.dispose();
  return vitBackbone(`${source}, untrained`, fresh, sizes);
}

/** A progress bar for each stage, and a line for each file left out. */
function watchOnStderr(skipped: { name: string; reason: string }[]): EvaluationWatcher {
  let bar: { readonly stage: string; readonly progress: Progress } | undefined;
  return {
    progress(stage, done, total) {
      if (bar?.stage !== stage) bar = { stage, progress: new Progress({ label: stage, total, unit: "images" }) };
      bar.progress.update(done);
      if (done === total) bar.progress.finish();
    },
    skipped(name, reason) {
      skipped.push({ name, reason });
      const line = `left out ${name}: ${reason}`;
      if (bar) bar.progress.note(line);
      else process.stderr.write(`${line}\n`);
    },
  };
}

function summary({ benchmark, model, data, protocol, metrics, seconds }: BenchmarkResults, written: string): string {
  const leftOut = data.skipped.length > 0 ? `, ${data.skipped.length} left out` : "";
  return [
    `${benchmark} of ${model.source}${model.untrained ? " (untrained)" : ""} at ${String(protocol.cropSize)} px`,
    `${data.trainImages} train and ${data.testImages} test images in ${data.classes} classes${leftOut}`,
    `(${data.origin})`,
    "",
    metricTable(metrics),
    "",
    `${formatDuration(seconds)}, written to ${written}`,
  ].join("\n");
}
