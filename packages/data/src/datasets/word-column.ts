/** Numbers distinct words in the order of their first appearance. */
export class WordNumbers {
  readonly words: string[] = [];
  private readonly numbers = new Map<string, number>();

  number(word: string): number {
    const known = this.numbers.get(word);
    if (known !== undefined) return known;
    this.numbers.set(word, this.words.length);
    return this.words.push(word) - 1;
  }
}

/** One word per row, each distinct word kept once. */
export class WordColumn {
  private readonly distinct = new WordNumbers();
  private readonly rows: number[] = [];

  get length(): number {
    return this.rows.length;
  }

  add(word: string): void {
    this.rows.push(this.distinct.number(word));
  }

  all(): string[] {
    return this.rows.map((number) => this.distinct.words[number]!);
  }
}
