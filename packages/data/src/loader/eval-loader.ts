// Images for feature extraction: one deterministic view of each, in the dataset's order, batch by batch.

import type { ImageDataset } from "../datasets/dataset.ts";
import { normalizationFor } from "../augment/normalization.ts";
import type { ChannelOptions } from "../decode-channels.ts";
import { evalTransformOptions, type EvalTransformOptions } from "../eval-transform.ts";
import { decodeOptions } from "./decode-options.ts";
import { defaultWorkers } from "./loader.ts";
import { createRunner, type SampleRunner } from "./runner.ts";
import { SkipLedger, type SkipOptions } from "./skip-ledger.ts";

export interface EvalLoaderOptions extends SkipOptions, ChannelOptions, Partial<EvalTransformOptions> {
  readonly batchSize?: number;
  /** Threads; 0 works in this thread. Default: as for training, but 0 for a set too small to be worth starting any. */
  readonly workers?: number;
  readonly prefetchBatches?: number;
}

/** M images of a batch; files that cannot be decoded are left out, so M may be smaller than the batch size. */
export interface EvalBatch {
  /** [M, channels, S, S], normalised. */
  readonly images: Float32Array;
  readonly shape: readonly [number, number, number, number];
  /** [M] which images of the dataset these are, ascending. */
  readonly indices: Int32Array;
  readonly names: readonly string[];
  readonly labels: readonly (number | undefined)[];
  /** Images of the dataset dealt with so far, those left out included. */
  readonly seen: number;
}

/** Starting a thread takes about as long as this many images. */
const worthThreads = 200;

/** Reads all images of `dataset` once. Throws `InputError` when too many of them cannot be used. */
export async function* loadEvalImages(dataset: ImageDataset, options: EvalLoaderOptions = {}): AsyncGenerator<EvalBatch> {
  const { batchSize = 32, workers = dataset.length < worthThreads ? 0 : defaultWorkers() } = options;
  const view = viewOptions(options);
  const decode = { ...decodeOptions(options), channels: view.mean.length };
  const runner = createRunner({ view: "evaluation", options: view, decode }, workers);
  const ledger = new SkipLedger(dataset, options);
  const ahead: Promise<EvalBatch>[] = [];
  const limit = workers === 0 ? 1 : (options.prefetchBatches ?? 2) + 1;
  try {
    for (let start = 0; start < dataset.length || ahead.length > 0; ) {
      for (; start < dataset.length && ahead.length < limit; start += batchSize) {
        const batch = makeBatch(dataset, runner, ledger, view, start, Math.min(batchSize, dataset.length - start));
        batch.catch(() => undefined);
        ahead.push(batch);
      }
      const batch = await ahead.shift()!;
      if (batch.indices.length > 0) yield batch;
    }
  } finally {
    await runner.close();
  }
}

/** The keys of the transform alone, without those that were given as undefined. */
function viewOptions({ resizeSize, cropSize, channels = 3, mean, standardDeviation }: EvalLoaderOptions): EvalTransformOptions {
  return evalTransformOptions({
    ...normalizationFor(channels),
    ...(resizeSize !== undefined && { resizeSize }),
    ...(cropSize !== undefined && { cropSize }),
    ...(mean !== undefined && { mean }),
    ...(standardDeviation !== undefined && { standardDeviation }),
  });
}

async function makeBatch(
  dataset: ImageDataset,
  runner: SampleRunner,
  ledger: SkipLedger,
  { mean: { length: channels }, cropSize: side }: EvalTransformOptions,
  start: number,
  count: number,
): Promise<EvalBatch> {
  const size = channels * side * side;
  const stack = new Float32Array(new SharedArrayBuffer(count * size * Float32Array.BYTES_PER_ELEMENT));
  const results = await Promise.all(
    Array.from({ length: count }, (_, row) =>
      runner.run({ image: dataset.source(start + row), keepDecoded: false, row, rowCount: count, outputs: [stack] }),
    ),
  );
  const kept: number[] = [];
  results.forEach((result, row) => {
    if ("failure" in result) return ledger.failed(start + row, result);
    ledger.succeeded();
    stack.copyWithin(kept.length * size, row * size, (row + 1) * size);
    kept.push(start + row);
  });
  return {
    images: stack.subarray(0, kept.length * size),
    shape: [kept.length, channels, side, side],
    indices: Int32Array.from(kept),
    names: kept.map((index) => dataset.name(index)),
    labels: kept.map((index) => dataset.label(index)),
    seen: start + count,
  };
}
