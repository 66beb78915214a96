/** Index of the last of the ascending `starts` that is at most `value`; 0 where none is. */
export function lastAtMost(starts: ArrayLike<number>, value: number): number {
  let low = 0;
  for (let high = starts.length; high - low > 1; ) {
    const middle = (low + high) >> 1;
    if (starts[middle]! <= value) low = middle;
    else high = middle;
  }
  return low;
}
