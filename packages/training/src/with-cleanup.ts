/** Says how to free something, once it is there. */
export type Defer = (free: () => unknown) => void;

/** Does `work`, then frees what it said, in the reverse order, also when it fails. */
export async function withCleanup<T>(work: (defer: Defer) => Promise<T>): Promise<T> {
  const frees: (() => unknown)[] = [];
  try {
    return await work((free) => frees.push(free));
  } finally {
    for (const free of frees.reverse()) await free();
  }
}
