/** Opening many files at once hides how long each takes; more than these would not be quicker. */
const atOnce = 8;

/** Each item with its result, in order, some of them worked on ahead. */
export async function* mapInOrder<T, R>(items: readonly T[], work: (item: T) => Promise<R>): AsyncGenerator<[T, R]> {
  const ahead: Promise<R>[] = [];
  for (let i = 0; i < items.length; i++) {
    while (ahead.length < atOnce && i + ahead.length < items.length) {
      const result = work(items[i + ahead.length]!);
      // Who asks for it hears of its failure, not the process.
      result.catch(() => undefined);
      ahead.push(result);
    }
    yield [items[i]!, await ahead.shift()!];
  }
}
