import { bytesToFloats } from "./simd";

/** `count` bytes (rounded up to 16) to floats: v · scale + shift. */
export function normalize(bytes: usize, count: usize, scale: f32, shift: f32, output: usize): void {
  const scales = f32x4.splat(scale);
  const shifts = f32x4.splat(shift);
  for (let end = bytes + count; bytes < end; bytes += 16) {
    const v = v128.load(bytes);
    v128.store(output, f32x4.add(f32x4.mul(bytesToFloats(v, 0), scales), shifts));
    v128.store(output, f32x4.add(f32x4.mul(bytesToFloats(v, 1), scales), shifts), 16);
    v128.store(output, f32x4.add(f32x4.mul(bytesToFloats(v, 2), scales), shifts), 32);
    v128.store(output, f32x4.add(f32x4.mul(bytesToFloats(v, 3), scales), shifts), 48);
    output += 64;
  }
}
