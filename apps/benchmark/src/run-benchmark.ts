// A benchmark of labelled images: the same task and the same summary for every evaluator of whole images.

import { createHash } from "node:crypto";
import { formatDuration, type ImageOptions } from "@dinov2/cli";
import { FeatureStore, fingerprint, measureSplits, openSplits, type Evaluator, type OpenedTask } from "@dinov2/evaluation";
import type { FeatureOptions } from "./benchmark-options.ts";
import { measure, type MeasureOptions } from "./measure.ts";
import { metricTable, type BenchmarkResults } from "./results.ts";
import { describeTests, scoredImages, scoringOf } from "./scored-tests.ts";

export interface BenchmarkOptions extends MeasureOptions, ImageOptions, FeatureOptions {
  readonly testData?: readonly string[];
  readonly split: number;
  readonly splits: number;
  readonly metric?: "top1" | "mean-per-class";
}

/** One measure: how it is taken, and how it is shown. */
export interface Benchmark {
  readonly evaluator: Evaluator;
  /** The evaluator's own settings, for the results. */
  readonly protocol: Readonly<Record<string, unknown>>;
  /** The metrics for a terminal; `metricTable` as it comes. */
  readonly table?: (metrics: Readonly<Record<string, number>>, notes: Readonly<Record<string, string>>, selectedBy: unknown) => string;
}

export async function runBenchmark({ evaluator, protocol, table = metricTable }: Benchmark, options: BenchmarkOptions): Promise<void> {
  const { batchSize, seed, pixelLimit, splits, metric, ...sources } = options;
  const { severalClasses = false } = evaluator;
  const selectBy = metric && { metric: metric === "top1" ? ("top1" as const) : ("meanPerClass" as const) };
  await measure<readonly OpenedTask[]>(
    {
      benchmark: evaluator.name,
      open: () => openSplits({ ...sources, seed, severalClasses, ...selectBy }, splits),
      run: (backbone, tasks, { found, ...watcher }) => {
        const context = { batchSize, seed, ...watcher, ...storeOf(options), ...(pixelLimit !== undefined && { pixelLimit }) };
        return tasks.length > 1 ? measureSplits(evaluator, backbone, tasks, context) : evaluator.run(backbone, { ...context, found, task: tasks[0]! });
      },
      width: ({ width }) => width,
      describe: (tasks) => ({
        origin: tasks.length > 1 ? `${tasks[0]!.origin} to ${seed + tasks.length - 1}, ${tasks.length} splits` : tasks[0]!.origin,
        classes: tasks[0]!.classNames.length,
        trainImages: tasks[0]!.train.length,
        testImages: scoredImages(tasks[0]!.test),
        ...(options.testData && { tests: describeTests(tasks[0]!, options.testData) }),
        fingerprint: fingerprintOf(tasks),
      }),
      protocol: ({ imageSizes }, [task]) => ({ ...protocol, metric: metricOf(task!), ...scoringOf(task!), ...imageSizes, batchSize, ...storeProtocol(options) }),
      sets: (tasks) => (tasks.length > 1 ? {} : tasks[0]!),
      summary: (results, written) => summary(results, table(results.metrics, results.notes, results.protocol.metric), written),
    },
    options,
  );
}

/** What settings are selected by, as the option has it. */
function metricOf({ targets, metric }: OpenedTask): string {
  if (targets) return "mAP";
  return metric === "meanPerClass" ? "mean-per-class" : "top1";
}

/** Of one task its own; of several that of all. */
function fingerprintOf(tasks: readonly OpenedTask[]): string {
  const prints = tasks.map(fingerprint);
  return prints.length === 1 ? prints[0]! : createHash("sha256").update(prints.join("\n")).digest("hex");
}

/** Where features are kept, if anywhere. */
export function storeOf({ featuresDir, featuresDtype: dtype }: FeatureOptions): { readonly store?: FeatureStore } {
  return featuresDir === undefined ? {} : { store: new FeatureStore(featuresDir, { dtype }) };
}

/** Features that were rounded are no longer the model's own. */
export const storeProtocol = ({ featuresDir, featuresDtype }: FeatureOptions) => (featuresDir === undefined ? {} : { featuresDtype });

function summary({ benchmark, model, data, protocol, seconds }: BenchmarkResults, table: string, written: string): string {
  const scoring = Object.entries((protocol.scoring ?? {}) as Record<string, string>).map(([name, words]) => `${name}: ${words}`);
  const leftOut = data.skipped.length > 0 ? `, ${data.skipped.length} left out` : "";
  return [
    `${benchmark} of ${model.source}${model.untrained ? " (untrained)" : ""} at ${String(protocol.cropSize)} px`,
    `${data.trainImages} train and ${data.testImages} test images in ${String(data.classes)} classes${leftOut}`,
    `(${data.origin})`,
    ...scoring,
    "",
    table,
    "",
    `${formatDuration(seconds)}, written to ${written}`,
  ].join("\n");
}
