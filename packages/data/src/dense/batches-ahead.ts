/** What `make` gives, again and again without end; the next one is made while one is in use. */
export async function* batchesAhead<Batch>(make: () => Promise<Batch>): AsyncGenerator<Batch> {
  let next = make();
  for (;;) {
    const batch = await next;
    next = make();
    // A failure is thrown when its turn comes, and by nobody if that never does.
    next.catch(() => undefined);
    yield batch;
  }
}
