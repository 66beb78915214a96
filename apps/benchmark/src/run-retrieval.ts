// The retrieval benchmark: what is particular to it, for `measure`.

import { formatDuration } from "@dinov2/cli";
import { evaluateRetrieval, openRetrievalTask, retrievalFingerprint, type RetrievalTask } from "@dinov2/evaluation";
import { measure } from "./measure.ts";
import { storeOf, storeProtocol } from "./run-benchmark.ts";
import { metricTable, type BenchmarkResults } from "./results.ts";
import type { RetrievalCommandOptions } from "./retrieval-command.ts";

export async function runRetrieval(options: RetrievalCommandOptions): Promise<void> {
  const { batchSize, seed, pixelLimit } = options;
  await measure<RetrievalTask>(
    {
      benchmark: "retrieval",
      open: () => openRetrievalTask(options),
      run: (backbone, task, listener) => evaluateRetrieval(backbone, { task, batchSize, seed, ...listener, ...storeOf(options), ...(pixelLimit !== undefined && { pixelLimit }) }),
      width: ({ width }) => width,
      describe: (task) => ({
        origin: task.origin,
        trainImages: task.gallery.length,
        testImages: task.queries.length,
        fingerprint: retrievalFingerprint(task),
      }),
      protocol: ({ imageSizes }, { revisited }) => ({
        averagePrecision: revisited ? "trapezoids" : "steps",
        ...(options.queries !== undefined && { queries: options.queries }),
        ...imageSizes,
        batchSize,
        ...storeProtocol(options),
      }),
      sets: ({ gallery, queries }) => ("read" in queries ? {} : { train: gallery, test: queries, classNames: gallery.classNames! }),
      summary,
    },
    options,
  );
}

function summary({ model, data, metrics, protocol, seconds }: BenchmarkResults, written: string): string {
  return [
    `retrieval by ${model.source}${model.untrained ? " (untrained)" : ""} at ${String(protocol.cropSize)} px`,
    `${data.testImages} queries, ${data.trainImages} images in the gallery (${data.origin})`,
    "",
    metricTable(metrics),
    "",
    `${formatDuration(seconds)}, written to ${written}`,
  ].join("\n");
}
