// What a lap of work takes.

/** The mean seconds of one run: the next one, or (`fill` seconds) of as many as fill that time after a first one. */
export function meanSeconds(run: () => void, fill = 0): number {
  if (fill > 0) run();
  const start = performance.now();
  const elapsed = () => (performance.now() - start) / 1000;
  let count = 0;
  do {
    run();
    count += 1;
  } while (elapsed() < fill);
  return elapsed() / count;
}
