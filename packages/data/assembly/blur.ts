// Gaussian blur of one plane with nine taps, edges mirrored without repeating the edge pixel, rounded half to even.

import { bytesToFloats } from "./simd";

const radius = 4;

// @ts-ignore: decorator
@inline function mirrored(at: i32, length: i32): i32 {
  if (length === 1) return 0;
  while (at < 0 || at >= length) at = at < 0 ? -at : 2 * (length - 1) - at;
  return at;
}

// @ts-ignore: decorator
@inline function rowAt(rows: usize, y: i32, rowBytes: usize): usize {
  return rows + y * (rowBytes as i32);
}

/** Four values: the symmetric kernel over nine vectors, `step` bytes apart, the middle one at `at`. */
// @ts-ignore: decorator
@inline function symmetricSum(at: usize, step: usize, k0: v128, k1: v128, k2: v128, k3: v128, k4: v128): v128 {
  const one = f32x4.mul(k1, f32x4.add(v128.load(at - step), v128.load(at + step)));
  const two = f32x4.mul(k2, f32x4.add(v128.load(at - 2 * step), v128.load(at + 2 * step)));
  const three = f32x4.mul(k3, f32x4.add(v128.load(at - 3 * step), v128.load(at + 3 * step)));
  const four = f32x4.mul(k4, f32x4.add(v128.load(at - 4 * step), v128.load(at + 4 * step)));
  return f32x4.add(f32x4.mul(k0, v128.load(at)), f32x4.add(f32x4.add(one, two), f32x4.add(three, four)));
}

/** One row of bytes as floats with `radius` mirrored values on both sides. */
// @ts-ignore: decorator
@inline function padRow(bytes: usize, width: i32, padded: usize): void {
  const middle = padded + (radius << 2);
  for (let x = 0; x < width; x += 16) {
    const v = v128.load(bytes + x);
    v128.store(middle + (x << 2), bytesToFloats(v, 0));
    v128.store(middle + (x << 2), bytesToFloats(v, 1), 16);
    v128.store(middle + (x << 2), bytesToFloats(v, 2), 32);
    v128.store(middle + (x << 2), bytesToFloats(v, 3), 48);
  }
  for (let i = 1; i <= radius; i++) {
    store<f32>(middle - (i << 2), load<u8>(bytes + mirrored(-i, width)) as f32);
    store<f32>(middle + ((width - 1 + i) << 2), load<u8>(bytes + mirrored(width - 1 + i, width)) as f32);
  }
}

/**
 * Blurs a plane of `width` x `height` bytes in place. `kernel` holds the five weights from the middle outwards.
 * `scratch` needs (height + 2 radius) · rowBytes + width · 4 + 128 bytes, where rowBytes = 4 · width rounded up to 64.
 */
export function blurPlane(plane: usize, width: i32, height: i32, kernel: usize, scratch: usize): void {
  const rowBytes: usize = ((width << 2) + 63) & ~63;
  const rows = scratch + radius * (rowBytes as i32);
  const padded = rowAt(rows, height + radius, rowBytes);
  const k0 = v128.load32_splat(kernel);
  const k1 = v128.load32_splat(kernel, 4);
  const k2 = v128.load32_splat(kernel, 8);
  const k3 = v128.load32_splat(kernel, 12);
  const k4 = v128.load32_splat(kernel, 16);
  for (let y = 0; y < height; y++) {
    padRow(plane + y * width, width, padded);
    const row = rowAt(rows, y, rowBytes);
    for (let at: usize = 0; at < rowBytes; at += 16) {
      v128.store(row + at, symmetricSum(padded + (radius << 2) + at, 4, k0, k1, k2, k3, k4));
    }
  }
  for (let i = 1; i <= radius; i++) {
    const below = height - 1 + i;
    memory.copy(rowAt(rows, -i, rowBytes), rowAt(rows, mirrored(-i, height), rowBytes), rowBytes);
    memory.copy(rowAt(rows, below, rowBytes), rowAt(rows, mirrored(below, height), rowBytes), rowBytes);
  }
  for (let y = 0; y < height; y++) {
    const row = rowAt(rows, y, rowBytes);
    // Writes up to three bytes past a row: rows go downwards, and a plane has room behind it.
    for (let x = 0; x < width; x += 4) {
      const sum = f32x4.nearest(symmetricSum(row + (x << 2), rowBytes, k0, k1, k2, k3, k4));
      const words = i16x8.narrow_i32x4_s(i32x4.trunc_sat_f32x4_s(sum), i32x4.splat(0));
      store<i32>(plane + y * width + x, i32x4.extract_lane(i8x16.narrow_i16x8_u(words, words), 0));
    }
  }
}
