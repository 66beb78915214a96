// A stream whose first item is there already.

/**
 * Waits for the first item of `items`, so that what is wrong with it is known before anything else happens.
 * @returns all items, the first included
 */
export async function startWithFirst<T>(items: AsyncIterable<T>): Promise<AsyncIterable<T>> {
  const iterator = items[Symbol.asyncIterator]();
  const first = await iterator.next();
  return (async function* () {
    let item = first;
    try {
      for (; !item.done; item = await iterator.next()) yield item.value;
    } finally {
      await iterator.return?.();
    }
  })();
}
