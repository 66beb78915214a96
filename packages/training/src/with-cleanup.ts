/** Says how to free something, once it is there. */
export type Defer = (free: () => unknown) => void;

/** Does `work`, then frees what it said, in the reverse order, also when it or some of the freeing fails. */
export async function withCleanup<T>(work: (defer: Defer) => Promise<T>): Promise<T> {
  const frees: (() => unknown)[] = [];
  try {
    return await work((free) => frees.push(free));
  } finally {
    await freeAll(frees);
  }
}

async function freeAll(frees: (() => unknown)[]): Promise<void> {
  const last = frees.pop();
  if (!last) return;
  try {
    await last();
  } finally {
    await freeAll(frees);
  }
}
