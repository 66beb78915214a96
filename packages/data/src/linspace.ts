/**
 * `count` values from `start` to `end` in float32, bit for bit as `torch.linspace` gives them on a CPU with fused multiply-add
 * (`aten/src/ATen/native/cpu/RangeFactoriesKernel.cpp`). The last bit matters here: the reference truncates multiples of
 * these values to whole numbers of patches.
 *
 * Counted from the start in the first half and from the end in the second, each with one rounding. While sixteen values are
 * left they are made in two vectors of eight, of which only the first is counted so and the rest from the first.
 */
export function linspaceFloat32(start: number, end: number, count: number): Float32Array {
  const values = new Float32Array(count);
  const [first, last] = [Math.fround(start), Math.fround(end)];
  const step = count > 1 ? Math.fround(Math.fround(last - first) / (count - 1)) : 0;
  const half = Math.floor(count / 2);
  const at = (i: number) => Math.fround(i < half || count === 1 ? step * i + first : last - step * (count - i - 1));
  const lanes = 8;
  const vectorised = count - (count % (2 * lanes));
  for (let i = 0; i < count; i++) {
    const lane = i < vectorised ? i % lanes : 0;
    values[i] = at(i - lane) + Math.fround(step * lane);
  }
  return values;
}
