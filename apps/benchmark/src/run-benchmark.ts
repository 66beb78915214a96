// A benchmark of labelled images: the same task and the same summary for every evaluator of whole images.

import { createHash } from "node:crypto";
import { formatDuration, type ImageOptions } from "@dinov2/cli";
import { FeatureStore, fingerprint, measureSplits, openSplits, type Evaluator, type OpenedTask } from "@dinov2/evaluation";
import type { FeatureOptions } from "./benchmark-options.ts";
import { measure, type MeasureOptions } from "./measure.ts";
import { metricTable, type BenchmarkResults } from "./results.ts";

export interface BenchmarkOptions extends MeasureOptions, ImageOptions, FeatureOptions {
  readonly testData?: string;
  readonly split: number;
  readonly splits: number;
}

/** One measure: how it is taken, and how it is shown. */
export interface Benchmark {
  readonly evaluator: Evaluator;
  /** The evaluator's own settings, for the results. */
  readonly protocol: Readonly<Record<string, unknown>>;
  /** The metrics for a terminal; `metricTable` as it comes. */
  readonly table?: (metrics: Readonly<Record<string, number>>, notes: Readonly<Record<string, string>>) => string;
}

export async function runBenchmark({ evaluator, protocol, table = metricTable }: Benchmark, options: BenchmarkOptions): Promise<void> {
  const { batchSize, seed, pixelLimit, splits } = options;
  await measure<readonly OpenedTask[]>(
    {
      benchmark: evaluator.name,
      open: () => openSplits(options, splits),
      run: (backbone, tasks, { found, ...watcher }) => {
        const context = { batchSize, seed, ...watcher, ...storeOf(options), ...(pixelLimit !== undefined && { pixelLimit }) };
        return tasks.length > 1 ? measureSplits(evaluator, backbone, tasks, context) : evaluator.run(backbone, { ...context, found, task: tasks[0]! });
      },
      width: ({ width }) => width,
      describe: (tasks) => ({
        origin: tasks.length > 1 ? `${tasks[0]!.origin} to ${seed + tasks.length - 1}, ${tasks.length} splits` : tasks[0]!.origin,
        classes: tasks[0]!.classNames.length,
        trainImages: tasks[0]!.train.length,
        testImages: tasks[0]!.test.length,
        fingerprint: fingerprintOf(tasks),
      }),
      protocol: ({ imageSizes }) => ({ ...protocol, ...imageSizes, batchSize, ...storeProtocol(options) }),
      sets: (tasks) => (tasks.length > 1 ? {} : tasks[0]!),
      summary: (results, written) => summary(results, table(results.metrics, results.notes), written),
    },
    options,
  );
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
