/**
 * Signals that arrive so soon after the first, in milliseconds, are the same one. What signals the whole process group (`timeout`,
 * systemd, a batch system) reaches this process and those above it, which hand it on. While a step keeps the event loop, signals wait
 * and then arrive together.
 */
const sameSignalWithin = 1000;

/** Ctrl-C or a SIGTERM as an abort signal. The first asks for an orderly stop, a later one ends the process. */
export function stopSignal(onFirst: () => void): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  let firstAt: number | undefined;
  const handle = () => {
    const now = performance.now();
    if (firstAt === undefined) {
      firstAt = now;
      controller.abort();
      onFirst();
    } else if (now - firstAt > sameSignalWithin) process.exit(130);
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const name of signals) process.on(name, handle);
  return {
    signal: controller.signal,
    release: () => signals.forEach((name) => process.removeListener(name, handle)),
  };
}
