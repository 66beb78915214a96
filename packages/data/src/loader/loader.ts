// From a dataset to training batches, made ahead of the model on worker threads. The batch of a step depends on the
// options and the step alone: not on the number of threads, on what was cached, or on where a run was resumed.
// Legend: B pictures of a batch, G and L global and local crops of each.

import { availableParallelism } from "node:os";
import { InputError, RandomStream } from "@dinov2/foundation";
import { BlockSampler } from "../block-sampler.ts";
import { drawMasks, maskingOptions, type Batch, type MaskingOptions } from "../collate.ts";
import type { ImageDataset } from "../datasets/dataset.ts";
import type { DecodeOptions } from "../decode.ts";
import type { ChannelOptions } from "../decode-channels.ts";
import { multiCropOptions, type MultiCropOptions } from "../multi-crop.ts";
import { InfiniteSampler, type Sampler } from "../samplers.ts";
import { DecodedCache } from "./decoded-cache.ts";
import { decodeOptions } from "./decode-options.ts";
import { createRunner, type SampleRunner } from "./runner.ts";
import { SkipLedger, type SkipOptions } from "./skip-ledger.ts";

export interface LoaderOptions extends SkipOptions, DecodeOptions, Pick<ChannelOptions, "fullScale"> {
  readonly dataset: ImageDataset;
  /** B, of this process. */
  readonly batchSize: number;
  readonly seed: number;
  /** Changes to the released multi-crop. As many channels are decoded as it has means; see `decodeChannels`. */
  readonly multiCrop?: Partial<MultiCropOptions>;
  readonly masking: Partial<MaskingOptions> & Pick<MaskingOptions, "patchSize">;
  /** Threads; 0 works in this thread, when a batch is asked for. Default: one fewer than there are cores, at least one. */
  readonly workers?: number;
  /** Batches made ahead of the model (with threads). Default 2. */
  readonly prefetchBatches?: number;
  /** The first step to deliver: steps before it were done by the run that is resumed. */
  readonly startStep?: number;
  readonly rank?: number;
  readonly worldSize?: number;
  /**
   * A dataset that is best read in order (tar shards) is mixed within random stretches of so many bytes in all; 0 mixes the
   * whole set, with reads all over it. Part of the order: the same for a resumed run. Default 256 MiB.
   */
  readonly shuffleBytes?: number;
  /** Memory for decoded pictures, kept from one pass to the next. Default 0. */
  readonly cacheBytes?: number;
}

export interface LoaderStatistics {
  readonly batches: number;
  readonly images: number;
  /** Time that `next()` had to wait for its batch. */
  readonly waitedSeconds: number;
  /** Images delivered per second since the first batch was asked for. */
  readonly imagesPerSecond: number;
  /** Distinct files that could not be used, be it once. */
  readonly skippedImages: number;
}

/** A batch of a loader: it knows which images it is made of. */
export interface LoadedBatch extends Batch {
  /** [B] indices into the dataset. */
  readonly indices: Int32Array;
}

type CropMemory = Pick<Batch, "globalCrops" | "localCrops">;

/** Endless batches from `startStep` on. Leaving a `for await` early keeps the loader open; `close()` ends it. */
export interface Loader extends AsyncIterable<LoadedBatch> {
  stats(): LoaderStatistics;
  /** The step of the next batch: with the same options, `startStep` to go on from here. */
  readonly step: number;
  /**
   * Gives the memory of a batch's crops back, to be written again: whoever takes many batches spares the system that much. What
   * the batch held is not to be read any more. Throws `RangeError` for a batch of another loader, or one given back before.
   */
  recycle(batch: Batch): void;
  /** Frees the threads. */
  close(): Promise<void>;
}

/** So many draws for each image that may stand in for another, and a single usable one would have come but for one time in e^20. */
const drawsPerSubstitute = 20;

export const defaultShuffleBytes = 256 << 20;

/** Threads to work on images when nobody says how many: the model keeps one core. */
export function defaultWorkers(): number {
  return Math.max(1, Math.min(16, availableParallelism() - 1));
}

/** Opens a loader. Throws `InputError` for options that make no batch. */
export function createLoader(options: LoaderOptions): Loader {
  return new BatchLoader(options);
}

class BatchLoader implements Loader {
  step: number;
  private readonly crops: MultiCropOptions;
  private readonly masking: MaskingOptions;
  private readonly sampler: Sampler;
  private readonly root: RandomStream;
  private readonly runner: SampleRunner;
  private readonly ledger: SkipLedger;
  private readonly cache: DecodedCache;
  private readonly workers: number;
  private readonly ahead: Promise<LoadedBatch>[] = [];
  private readonly spare: CropMemory[] = [];
  /** By the memory of the global crops. */
  private readonly lent = new WeakMap<Float32Array, CropMemory>();
  private closed = false;
  private batches = 0;
  private waitedMilliseconds = 0;
  private firstAsked: number | undefined;

  constructor(private readonly options: LoaderOptions) {
    const { dataset, seed, rank = 0, worldSize = 1, startStep = 0, workers = defaultWorkers() } = options;
    requireWhole("batchSize", options.batchSize, 1);
    requireWhole("workers", workers, 0);
    requireWhole("startStep", startStep, 0);
    this.crops = multiCropOptions(options.multiCrop);
    this.masking = maskingOptions(options.masking);
    requireWholePatches(this.crops, this.masking.patchSize);
    this.step = startStep;
    this.workers = workers;
    this.sampler = createSampler(dataset, { seed, rank, worldSize }, options.shuffleBytes ?? defaultShuffleBytes);
    this.root = RandomStream.fromSeed(seed);
    this.ledger = new SkipLedger(dataset, options);
    this.cache = new DecodedCache(options.cacheBytes ?? 0);
    const decode = { ...decodeOptions(options), channels: this.crops.mean.length };
    this.runner = createRunner({ view: "multi-crop", options: this.crops, decode }, workers);
  }

  [Symbol.asyncIterator](): AsyncIterator<LoadedBatch> {
    return { next: () => this.next(), return: () => Promise.resolve({ done: true, value: undefined }) };
  }

  stats(): LoaderStatistics {
    const images = this.batches * this.options.batchSize;
    const seconds = this.firstAsked === undefined ? 0 : (performance.now() - this.firstAsked) / 1000;
    return {
      batches: this.batches,
      images,
      waitedSeconds: this.waitedMilliseconds / 1000,
      imagesPerSecond: seconds > 0 ? images / seconds : 0,
      skippedImages: this.ledger.skippedImages,
    };
  }

  recycle({ globalCrops }: Batch): void {
    const memory = this.lent.get(globalCrops.data);
    if (memory === undefined) throw new RangeError("This batch is of another loader, or was given back before.");
    this.lent.delete(globalCrops.data);
    this.spare.push(memory);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.ahead.length = 0;
    await this.runner.close();
  }

  private async next(): Promise<IteratorResult<LoadedBatch>> {
    if (this.closed) return { done: true, value: undefined };
    const asked = performance.now();
    this.firstAsked ??= asked;
    this.fill(1);
    const first = this.ahead.shift()!;
    // Without threads, working ahead would only delay the model.
    if (this.workers > 0) this.fill(this.options.prefetchBatches ?? 2, 1);
    const batch = await first;
    this.waitedMilliseconds += performance.now() - asked;
    this.batches++;
    this.step++;
    return { done: false, value: batch };
  }

  /** Starts batches until `count` are under way; `taken` of them are already in the hands of `next()`. */
  private fill(count: number, taken = 0): void {
    while (this.ahead.length < count) {
      const batch = this.makeBatch(this.step + taken + this.ahead.length);
      // A failure is reported when its batch is asked for, not before.
      batch.catch(() => undefined);
      this.ahead.push(batch);
    }
  }

  private async makeBatch(step: number): Promise<LoadedBatch> {
    const { dataset, batchSize, rank = 0 } = this.options;
    const { globalSize, globalCount } = this.crops;
    const { globalCrops, localCrops } = this.takeMemory();
    const outputs = [globalCrops.data, localCrops.data];
    const rows = Array.from({ length: batchSize }, (_, row) => this.makeSample(step * batchSize + row, row, outputs));
    const indices = await Promise.all(rows);
    const side = globalSize / this.masking.patchSize;
    const maskRandom = this.root.split("masks", rank, step);
    return {
      globalCrops,
      localCrops,
      ...drawMasks(globalCount * batchSize, { height: side, width: side }, this.masking, maskRandom),
      sampleNames: indices.map((index) => dataset.name(index)),
      indices: Int32Array.from(indices),
    };
  }

  private takeMemory(): CropMemory {
    const { globalSize, localSize, globalCount, localCount, mean } = this.crops;
    const { batchSize } = this.options;
    const memory = this.spare.pop() ?? {
      globalCrops: sharedStack(globalCount * batchSize, mean.length, globalSize),
      localCrops: sharedStack(localCount * batchSize, mean.length, localSize),
    };
    this.lent.set(memory.globalCrops.data, memory);
    return memory;
  }

  /**
   * Fills one row with the image at `position`, or, as long as that cannot be used, with one drawn in its place.
   * Answers which image it was.
   */
  private async makeSample(position: number, row: number, outputs: readonly Float32Array[]): Promise<number> {
    const { dataset, batchSize, rank = 0 } = this.options;
    const random = this.root.split("sample", rank, position).state();
    for (const part of this.sampler.readAhead?.(position) ?? []) this.runner.readAhead(part);
    for (let attempt = 0; ; attempt++) {
      const index = attempt === 0 ? this.sampler.at(position) : this.sampler.substitute(position, attempt);
      const known = this.ledger.reasonOf(index);
      const cached = this.cache.get(index);
      const image = cached ?? dataset.source(index);
      const keepDecoded = cached === undefined && this.cache.hasRoom;
      const result =
        known === undefined
          ? await this.runner.run({ image, keepDecoded, random, row, rowCount: batchSize, outputs })
          : { failure: known };
      if ("failure" in result) {
        this.ledger.failed(index, result);
        const substitutes = this.sampler.substitutes(position);
        // However many may be unusable: without a single one to take this would not end.
        if (attempt >= drawsPerSubstitute * substitutes) {
          throw new InputError(
            `None of the ${substitutes} images to choose from can be used; for example ${dataset.name(index)}: ${result.failure}`,
          );
        }
        continue;
      }
      if (result.decoded) this.cache.add(index, result.decoded);
      this.ledger.succeeded();
      return index;
    }
  }
}

function createSampler(
  { length, blocks }: ImageDataset,
  process: { seed: number; rank: number; worldSize: number },
  shuffleBytes: number,
): Sampler {
  if (blocks === undefined || shuffleBytes === 0) return InfiniteSampler.create({ length, ...process });
  return new BlockSampler({ blocks, shuffleBytes, ...process });
}

/** Planes of squares in memory that the worker threads write to directly. */
function sharedStack(count: number, channels: number, side: number): Batch["globalCrops"] {
  const data = new Float32Array(new SharedArrayBuffer(count * channels * side * side * Float32Array.BYTES_PER_ELEMENT));
  return { data, shape: [count, channels, side, side] };
}

function requireWhole(name: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least) {
    throw new InputError(`${name} is ${value}; expected a whole number of at least ${least}.`);
  }
}

function requireWholePatches({ globalSize, localSize, localCount }: MultiCropOptions, patchSize: number): void {
  const sizes = { globalSize, ...(localCount > 0 && { localSize }) };
  for (const [name, size] of Object.entries(sizes)) {
    if (size % patchSize !== 0) {
      const near = Math.max(1, Math.round(size / patchSize)) * patchSize;
      throw new InputError(`${name} ${size} is not a multiple of the patch size ${patchSize}; take ${near}.`);
    }
  }
}
