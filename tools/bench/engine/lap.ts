// What a lap of work takes.

/** The mean seconds of one run, over as many runs as fill so many seconds (0: one). */
export function meanSeconds(run: () => void, fill = 0): number {
  const start = performance.now();
  const elapsed = () => (performance.now() - start) / 1000;
  let count = 0;
  do {
    run();
    count += 1;
  } while (elapsed() < fill);
  return elapsed() / count;
}
