/**
 * The best k of each query: similarities in falling order, ties by rising index. Where features are not numbers there may be fewer:
 * the rest has row 0 and similarity NaN, so that whoever counts with it gets no number either. Legend: Q queries.
 */
export interface Neighbours {
  readonly queryCount: number;
  readonly k: number;
  /** [Q, k] rows of the bank */
  readonly indices: Int32Array;
  /** [Q, k] */
  readonly similarities: Float32Array;
}

/**
 * The k largest similarities of each of Q queries, over a bank that comes in blocks. Holds Q·k numbers and never
 * more; each query keeps a binary heap with its worst candidate at the root, so that most of a block is refused by
 * one comparison, and an entry costs log₂ k. Blocks must come in the order of their rows: then a later row never
 * displaces an equal earlier one, and ties are settled the same way whatever the block size.
 */
export class RunningTopK {
  private readonly similarities: Float32Array;
  private readonly indices: Int32Array;
  private readonly sizes: Int32Array;

  constructor(
    private readonly queryCount: number,
    readonly k: number,
  ) {
    this.similarities = new Float32Array(queryCount * k).fill(NaN);
    this.indices = new Int32Array(queryCount * k);
    this.sizes = new Int32Array(queryCount);
  }

  /**
   * Offers the similarities of some queries to a block of bank rows.
   * @param block [rows, width], row-major
   * @param firstQuery the query of the block's first row
   * @param firstIndex the bank row of the block's first column
   */
  merge(block: Float32Array, width: number, firstQuery: number, firstIndex: number): void {
    const rows = block.length / width;
    for (let row = 0; row < rows; row++) this.mergeRow(block, row * width, width, firstQuery + row, firstIndex);
  }

  /** What a similarity of some queries must be above to count, [count]. */
  floors(firstQuery: number, count: number): Float32Array {
    return Float32Array.from({ length: count }, (_, i) => {
      const query = firstQuery + i;
      return this.sizes[query]! < this.k ? -Infinity : this.similarities[query * this.k]!;
    });
  }

  /**
   * Offers what an engine found in a block: for each of some queries `width` similarities in falling order with their rows in
   * the block, and row -1 behind the last.
   */
  mergeFound(similarities: Float32Array, rows: Int32Array, width: number, firstQuery: number, firstIndex: number): void {
    for (let start = 0, query = firstQuery; start < rows.length; start += width, query++) {
      const root = query * this.k;
      for (let i = start; i < start + width && rows[i]! >= 0; i++) {
        if (this.sizes[query]! < this.k) this.push(query, similarities[i]!, firstIndex + rows[i]!);
        else if (similarities[i]! > this.similarities[root]!) this.sink(root, this.k, 0, similarities[i]!, firstIndex + rows[i]!);
        else break;
      }
    }
  }

  private mergeRow(block: Float32Array, start: number, width: number, query: number, firstIndex: number): void {
    const { k, similarities } = this;
    const root = query * k;
    let column = 0;
    for (; column < width && this.sizes[query]! < k; column++) {
      this.push(query, block[start + column]!, firstIndex + column);
    }
    let worst = similarities[root]!;
    for (; column < width; column++) {
      const similarity = block[start + column]!;
      if (similarity <= worst) continue;
      this.sink(root, k, 0, similarity, firstIndex + column);
      worst = similarities[root]!;
    }
  }

  /** Adds to a heap that is not full: from the last place upward. */
  private push(query: number, similarity: number, index: number): void {
    const { similarities, indices } = this;
    const root = query * this.k;
    let place = this.sizes[query]!++;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isWorse(similarity, index, similarities[root + parent]!, indices[root + parent]!)) break;
      similarities[root + place] = similarities[root + parent]!;
      indices[root + place] = indices[root + parent]!;
      place = parent;
    }
    similarities[root + place] = similarity;
    indices[root + place] = index;
  }

  /** Puts an entry at `place` of a heap of `size` entries, and lets it sink until both children are better. */
  private sink(root: number, size: number, place: number, similarity: number, index: number): void {
    const { similarities, indices } = this;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= size) break;
      const right = root + child + 1;
      if (
        child + 1 < size &&
        isWorse(similarities[right]!, indices[right]!, similarities[right - 1]!, indices[right - 1]!)
      ) {
        child++;
      }
      if (!isWorse(similarities[root + child]!, indices[root + child]!, similarity, index)) break;
      similarities[root + place] = similarities[root + child]!;
      indices[root + place] = indices[root + child]!;
      place = child;
    }
    similarities[root + place] = similarity;
    indices[root + place] = index;
  }

  /** Sorts every heap in place (worst entries to the end) and gives the result away: the last call. */
  finish(): Neighbours {
    const { queryCount, k, similarities, indices, sizes } = this;
    for (let query = 0; query < queryCount; query++) {
      const root = query * k;
      for (let size = sizes[query]!; size > 1; size--) {
        const last = root + size - 1;
        const [similarity, index] = [similarities[last]!, indices[last]!];
        similarities[last] = similarities[root]!;
        indices[last] = indices[root]!;
        this.sink(root, size - 1, 0, similarity, index);
      }
    }
    return { queryCount, k, indices, similarities };
  }
}

/** Whether entry a ranks below entry b: less similar, or as similar and later. */
function isWorse(similarityA: number, indexA: number, similarityB: number, indexB: number): boolean {
  return similarityA < similarityB || (similarityA === similarityB && indexA > indexB);
}
