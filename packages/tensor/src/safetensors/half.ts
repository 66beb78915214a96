// The 16-bit floating-point formats by their bits: IEEE 754 binary16 (5 bits of exponent, 10 of
// fraction) and bfloat16 (the upper half of a float32). Rounding is to the nearest, ties to even.

const scratch = new ArrayBuffer(4);
const asFloat = new Float32Array(scratch);
const asBits = new Uint32Array(scratch);

function bitsOf(value: number): number {
  asFloat[0] = value;
  return asBits[0]!;
}

function floatOf(bits: number): number {
  asBits[0] = bits;
  return asFloat[0]!;
}

export function bfloat16ToFloat32(half: number): number {
  return floatOf(half << 16);
}

export function float32ToBfloat16(value: number): number {
  const bits = bitsOf(value);
  if (Number.isNaN(value)) return (bits >>> 16) | 0x40; // stays a NaN when its payload was in the lower half
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

export function float16ToFloat32(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

export function float32ToFloat16(value: number): number {
  const sign = (bitsOf(value) >>> 16) & 0x8000;
  const magnitude = Math.abs(Math.fround(value));
  if (Number.isNaN(magnitude)) return sign | 0x7e00;
  if (magnitude >= 65520) return sign | 0x7c00; // half way between the largest, 65504, and 2^16
  // The spacing of the representable numbers around `magnitude`: 2^-24 below the normal range.
  const exponent = Math.max(Math.floor(Math.log2(Math.max(magnitude, 2 ** -25))), -14);
  const steps = roundHalfEven(magnitude / 2 ** (exponent - 10));
  // A carry out of the fraction raises the exponent by itself, since the fields lie side by side.
  return sign | (steps + Math.max(exponent + 14, 0) * 1024);
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
