/** Ctrl-C or a SIGTERM as an abort signal. The first asks for an orderly stop, the second ends the process. */
export function stopSignal(onFirst: () => void): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const handle = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
    onFirst();
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const name of signals) process.on(name, handle);
  return {
    signal: controller.signal,
    release: () => signals.forEach((name) => process.removeListener(name, handle)),
  };
}
