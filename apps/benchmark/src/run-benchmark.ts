// A benchmark of labelled images: the same task and the same summary for every evaluator of whole images.

import { formatDuration, type ImageOptions } from "@dinov2/cli";
import { FeatureStore, fingerprint, openTask, type Evaluator, type OpenedTask } from "@dinov2/evaluation";
import type { FeatureOptions } from "./benchmark-options.ts";
import { measure, type MeasureOptions } from "./measure.ts";
import { metricTable, type BenchmarkResults } from "./results.ts";

export interface BenchmarkOptions extends MeasureOptions, ImageOptions, FeatureOptions {
  readonly testData?: string;
  readonly split: number;
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
  const { batchSize, seed, pixelLimit } = options;
  await measure<OpenedTask>(
    {
      benchmark: evaluator.name,
      open: () => openTask(options),
      run: (backbone, task, listener) =>
        evaluator.run(backbone, { task, batchSize, seed, ...listener, ...storeOf(options), ...(pixelLimit !== undefined && { pixelLimit }) }),
      width: ({ width }) => width,
      describe: (task) => ({
        origin: task.origin,
        classes: task.classNames.length,
        trainImages: task.train.length,
        testImages: task.test.length,
        fingerprint: fingerprint(task),
      }),
      protocol: ({ imageSizes }) => ({ ...protocol, ...imageSizes, batchSize, ...storeProtocol(options) }),
      sets: (task) => task,
      summary: (results, written) => summary(results, table(results.metrics, results.notes), written),
    },
    options,
  );
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
