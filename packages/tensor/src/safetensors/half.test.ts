import { describe, expect, it } from "vitest";
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from "./half.ts";

const all = Array.from({ length: 65536 }, (_, bits) => bits);

describe("16-bit floating point", () => {
  it("survives the way to float32 and back for every bit pattern that is a number", () => {
    for (const [decode, encode] of [[float16ToFloat32, float32ToFloat16], [bfloat16ToFloat32, float32ToBfloat16]] as const) {
      expect(all.filter((bits) => !Number.isNaN(decode(bits)) && encode(decode(bits)) !== bits)).toEqual([]);
    }
  });

  it("rounds half way to the even neighbour, and each side to its own", () => {
    for (const [decode, encode, infinity] of
      [[float16ToFloat32, float32ToFloat16, 0x7c00], [bfloat16ToFloat32, float32ToBfloat16, 0x7f80]] as const) {
      for (let bits = 0; bits + 1 < infinity; bits += 7) {
        const [low, high] = [decode(bits), decode(bits + 1)];
        const middle = (low + high) / 2;
        expect(encode(middle)).toBe(bits % 2 === 0 ? bits : bits + 1);
        const nudge = (high - low) / 16;
        expect([encode(middle - nudge), encode(middle + nudge)]).toEqual([bits, bits + 1]);
      }
    }
  });

  it("keeps NaN, and makes too large numbers infinite", () => {
    expect([float16ToFloat32(float32ToFloat16(NaN)), bfloat16ToFloat32(float32ToBfloat16(NaN))]).toEqual([NaN, NaN]);
    expect(float16ToFloat32(float32ToFloat16(65519.99))).toBe(65504);
    expect(float16ToFloat32(float32ToFloat16(-65520))).toBe(-Infinity);
    expect(bfloat16ToFloat32(float32ToBfloat16(3.4e38))).toBe(Infinity);
  });
});
