/** The items until `signal` aborts, also while one is awaited: that one is then not waited for any longer. */
export async function* untilAborted<T>(items: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]();
  try {
    while (!signal?.aborted) {
      const item = await orAbort(iterator.next(), signal);
      if (item === undefined || item.done) return;
      yield item.value;
    }
  } finally {
    await iterator.return?.();
  }
}

/** Not `Promise.race`, which would hold every item that it ever gave until the signal aborts. */
function orAbort<T>(item: Promise<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const stop = () => resolve(undefined);
    signal?.addEventListener("abort", stop, { once: true });
    item.then(resolve, reject).finally(() => signal?.removeEventListener("abort", stop));
  });
}
