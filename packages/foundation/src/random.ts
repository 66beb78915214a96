// Seeded, splittable random streams. Every random choice of the project (crops, masks, stochastic
// depth, initial weights, data order) comes from one of these, so that a seed fixes a run whatever
// the number of workers. Not for cryptography.

/** All that a stream is: four 32-bit words, and the spare normal number of the last pair. */
export interface RandomState {
  readonly words: readonly [number, number, number, number];
  readonly spareNormal: number | null;
}

/** FNV-1a with a final avalanche: turns a label into 32 well-mixed bits. */
function hash32(text: string, basis: number): number {
  let hash = basis >>> 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mix32(hash);
}

/** The 32-bit finaliser of MurmurHash3: every input bit reaches every output bit. */
function mix32(value: number): number {
  let x = value >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/**
 * A stream of random numbers: sfc32 (small fast counter, period of at least 2^32, passes PractRand),
 * seeded through MurmurHash3's finaliser.
 */
export class RandomStream {
  private a: number;
  private b: number;
  private c: number;
  private counter: number;
  private spareNormal: number | null;

  private constructor(state: RandomState) {
    [this.a, this.b, this.c, this.counter] = state.words;
    this.spareNormal = state.spareNormal;
  }

  /** The stream of a seed: any finite number, taken by its decimal text. */
  static fromSeed(seed: number): RandomStream {
    if (!Number.isFinite(seed)) throw new RangeError(`Seed ${seed} is not a finite number.`);
    return RandomStream.fromLabel([0, 0, 0, 0], String(seed));
  }

  /** The stream that `state()` described. */
  static fromState(state: RandomState): RandomStream {
    return new RandomStream(state);
  }

  private static fromLabel(parent: readonly number[], label: string): RandomStream {
    const words = parent.map((word, i) => mix32(word ^ hash32(label, 0x811c9dc5 + i * 0x9e3779b9)));
    const stream = new RandomStream({
      words: [words[0]!, words[1]!, words[2]!, 1],
      spareNormal: null,
    });
    for (let i = 0; i < 12; i++) stream.uint32();
    return stream;
  }

  /** Everything needed to go on from here: plain data, safe to store as JSON. */
  state(): RandomState {
    return { words: [this.a, this.b, this.c, this.counter], spareNormal: this.spareNormal };
  }

  /**
   * A child stream named by `labels`, independent of this one and of its siblings. Depends only on the
   * parent's present state and the labels; the parent does not advance. So the stream of sample 17
   * is the same whichever worker asks for it.
   */
  split(...labels: readonly (string | number)[]): RandomStream {
    return RandomStream.fromLabel([this.a, this.b, this.c, this.counter], labels.join("/"));
  }

  /** An integer, uniform over [0, 2^32). */
  uint32(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** Uniform over [low, high), with 53 random bits. */
  uniform(low = 0, high = 1): number {
    const unit = ((this.uint32() >>> 5) * 0x4000000 + (this.uint32() >>> 6)) / 0x20000000000000;
    return low + (high - low) * unit;
  }

  /** True with probability `probability`. */
  bernoulli(probability: number): boolean {
    return this.uniform() < probability;
  }

  /** An integer, uniform over [0, count). */
  integer(count: number): number {
    if (!(count >= 1)) throw new RangeError(`integer(${count}): the count must be at least 1.`);
    return Math.floor(this.uniform() * count);
  }

  /** A normal number (Box-Muller, both numbers of a pair are used). */
  normal(mean = 0, standardDeviation = 1): number {
    if (this.spareNormal !== null) {
      const spare = this.spareNormal;
      this.spareNormal = null;
      return mean + standardDeviation * spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.spareNormal = radius * Math.sin(angle);
    return mean + standardDeviation * radius * Math.cos(angle);
  }

  /** A uniform random order of 0..count-1 (Fisher-Yates). */
  permutation(count: number): Int32Array {
    return this.shuffle(Int32Array.from({ length: count }, (_, i) => i));
  }

  /** Shuffles `items` in place, and returns them. */
  shuffle<T extends { length: number; [index: number]: unknown }>(items: T): T {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const held = items[i];
      items[i] = items[j];
      items[j] = held;
    }
    return items;
  }
}
