// Which image comes when. Facts of the order from `dinov2/data/samplers.py`; unlike there, a position is enough to
// resume: any position can be asked for at any time.

import { InputError, RandomStream } from "@dinov2/foundation";
import type { FilePart } from "./datasets/file-part.ts";

/** An endless order of images, of which any position can be asked for. */
export interface Sampler {
  /** The image at any position from the very start. */
  at(position: number): number;
  /** Stands in for an image that cannot be read: another one, fixed by position and attempt. */
  substitute(position: number, attempt: number): number;
  /** How many images those that stand in at `position` are drawn from. */
  substitutes(position: number): number;
  /** What should be read in advance when `position` is asked for. */
  readAhead?(position: number): readonly FilePart[];
}

export interface InfiniteSamplerOptions {
  /** Images in the dataset. */
  readonly length: number;
  readonly seed: number;
  /** This process and the number of processes that share the dataset. */
  readonly rank?: number;
  readonly worldSize?: number;
}

/** All that a sampler is: the same options and position give the same images from there on. */
export interface SamplerState {
  readonly length: number;
  readonly seed: number;
  readonly rank: number;
  readonly worldSize: number;
  readonly position: number;
}

/**
 * An endless order of images for one of `worldSize` processes: one permutation of the whole set (by the seed) is dealt out
 * to the processes; each one goes through its share again and again, in a new order each pass. Images that do not
 * divide evenly are left out. With `worldSize` 1 every pass shows every image once.
 */
export class InfiniteSampler implements Sampler {
  private readonly share: Int32Array;
  private readonly root: RandomStream;
  private pass = -1;
  private order = new Int32Array(0);

  private constructor(
    private readonly options: Omit<SamplerState, "position">,
    private position: number,
  ) {
    const { length, seed, rank, worldSize } = options;
    if (length < worldSize) {
      throw new InputError(`A dataset of ${length} images cannot be shared by ${worldSize} processes.`);
    }
    this.root = RandomStream.fromSeed(seed).split("sampler");
    const all = this.root.split("deal").permutation(length);
    this.share = Int32Array.from({ length: Math.floor(length / worldSize) }, (_, i) => all[i * worldSize + rank]!);
  }

  static create({ length, seed, rank = 0, worldSize = 1 }: InfiniteSamplerOptions): InfiniteSampler {
    return new InfiniteSampler({ length, seed, rank, worldSize }, 0);
  }

  /** The sampler that `state()` described. */
  static fromState({ position, ...options }: SamplerState): InfiniteSampler {
    return new InfiniteSampler(options, position);
  }

  state(): SamplerState {
    return { ...this.options, position: this.position };
  }

  /** Images of this process in one pass. */
  get passLength(): number {
    return this.share.length;
  }

  /** The next image's index in the dataset. */
  next(): number {
    return this.at(this.position++);
  }

  /** The image at any position from the very start; does not move the sampler. */
  at(position: number): number {
    const pass = Math.floor(position / this.share.length);
    if (pass !== this.pass) {
      this.order = this.root.split("pass", this.options.rank, pass).shuffle(this.share.slice());
      this.pass = pass;
    }
    return this.order[position % this.share.length]!;
  }

  /** Stands in for an image that cannot be read: a random one of this process' share, fixed by position and attempt. */
  substitute(position: number, attempt: number): number {
    const random = this.root.split("substitute", this.options.rank, position, attempt);
    return this.share[random.integer(this.share.length)]!;
  }

  substitutes(): number {
    return this.share.length;
  }
}

/** One finite pass for evaluation: images rank, rank + worldSize, ... in order, or shuffled by seed and epoch. */
export function epochOrder({
  length,
  rank = 0,
  worldSize = 1,
  shuffle,
}: {
  length: number;
  rank?: number;
  worldSize?: number;
  shuffle?: { seed: number; epoch: number };
}): Int32Array {
  const all =
    shuffle === undefined
      ? Int32Array.from({ length }, (_, i) => i)
      : RandomStream.fromSeed(shuffle.seed).split("epoch", shuffle.epoch).permutation(length);
  return all.filter((_, i) => i % worldSize === rank);
}
