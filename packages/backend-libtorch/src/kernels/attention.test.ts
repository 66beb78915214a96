// What the conformance suite does not ask of attention: every width of a head and length of a sequence that is cut in another
// way, packed or not, extreme scores, bfloat16, threads, and memory.
import { blockDiagonalAttention, tf, vectorJacobianProduct, type Segment, type Tensor, type Tensor2D } from "@dinov2/tensor";
import { blockDiagonalAttentionOf, directionalDerivative, expectClose, normal, toTensor, type Tolerance, type Values } from "@dinov2/tensor/testing";
import { beforeAll, describe, expect, it } from "vitest";
import { missing, start, type LibtorchOptions } from "../index.ts";
import { peakIsMeasurable } from "../testing/peak-bytes.ts";
import { runProgram } from "../testing/run-program.ts";
import { testDevice } from "../testing/test-device.ts";

const absent = await missing();

const heads = 2;
/** Around vectors, tiles and blocks, and prime numbers. */
const segments = [1, 2, 3, 7, 16, 17, 50, 61, 97, 133, 257, 300].map((length): Segment => ({ count: length < 20 ? 2 : 1, length }));
const tokensOf = (packed: readonly Segment[]) => packed.reduce((sum, { count, length }) => sum + count * length, 0);
const tokens = tokensOf(segments);

/** Sums over 300 keys of numbers around 1. */
const float32: Tolerance = { absolute: 1e-4, relative: 1e-4 };
/** Operands, probabilities and results keep 8 bits: each is off by up to 1 / 512, and the scores, around 2, by a few of these. */
const bfloat16: Tolerance = { absolute: 4e-2, relative: 2e-2 };

const attend = (qkv: Tensor, packed = segments) => blockDiagonalAttention(qkv as Tensor2D, packed, heads);
const gradient = (qkv: Tensor, dy: Tensor, packed = segments) => vectorJacobianProduct(() => attend(qkv, packed), [qkv], dy)[0]!;
const definition = (qkv: Float64Array, width: number) => blockDiagonalAttentionOf(qkv, segments, heads, heads * width);

/** The output, and the gradient that flows back from `dy`. */
function both(qkv: Values, dy: Values, packed = segments): [output: Float32Array, dQkv: Float32Array] {
  return tf.tidy(() => {
    const [x, cotangent] = [toTensor(qkv), toTensor(dy)];
    return [attend(x, packed).dataSync() as Float32Array, gradient(x, cotangent, packed).dataSync() as Float32Array];
  });
}

const operands = (width: number, deviation = 1, rows = tokens) =>
  [normal([rows, 3 * heads * width], width, deviation), normal([rows, heads * width], width + 1)] as const;

/** Compares the slope along a random direction of length 1, in which every element of the gradient has its share. */
function expectSlope(dQkv: Float32Array, qkv: Values, dy: Values, width: number, tolerance: Tolerance): void {
  const raw = normal(qkv.shape, 99).data;
  const length = Math.sqrt(raw.reduce((sum, value) => sum + value * value, 0));
  const direction = raw.map((value) => value / length);
  const scalar = (at: Float64Array) => definition(at, width).reduce((sum, value, i) => sum + value * dy.data[i]!, 0);
  expectClose([dQkv.reduce((sum, value, i) => sum + value * direction[i]!, 0)], [directionalDerivative(scalar, qkv.data, direction)], tolerance);
}

/** Not `toEqual`, which takes seconds over so many numbers. */
function expectSameBits(actual: readonly Float32Array[], expected: readonly Float32Array[]): void {
  const bytes = ({ buffer, byteOffset, byteLength }: Float32Array) => new Uint8Array(buffer, byteOffset, byteLength);
  actual.forEach((one, i) => expect(Buffer.compare(bytes(one), bytes(expected[i]!))).toBe(0));
}

const rows = (x: Float32Array, first: number, count: number) => x.subarray((x.length / tokens) * first, (x.length / tokens) * (first + count));

describe.skipIf(absent)("attention in tiles", () => {
  describe.each([1, 8, 17, 64, 80])("over heads of %d", (width) => {
    const [qkv, dy] = operands(width);
    const begin = (options: LibtorchOptions) => start({ device: testDevice, threads: 2, ...options });

    it("gives the numbers of its definition, and their slopes", async () => {
      await begin({});
      const [output, dQkv] = both(qkv, dy);
      expectClose(output, definition(qkv.data, width), float32);
      expectSlope(dQkv, qkv, dy, width, float32);
    });

    it("gives them to 8 bits in bfloat16", async () => {
      await begin({});
      const [output, dQkv] = both(qkv, dy);
      await begin({ precision: "bf16" });
      const reduced = both(qkv, dy);
      expectClose(reduced[0], output, bfloat16);
      expectClose(reduced[1], dQkv, bfloat16);
    });

    it("gives what LibTorch's own ops give", async () => {
      for (const [precision, tolerance] of [["fp32", float32], ["bf16", bfloat16]] as const) {
        await begin({ precision });
        const ours = both(qkv, dy);
        await begin({ precision, processorLoops: false });
        both(qkv, dy).forEach((theirs, i) => expectClose(ours[i]!, theirs, tolerance));
      }
    });

    it.each(["fp32", "bf16"] as const)("gives the same bits on any number of threads, in %s", async (precision) => {
      await begin({ precision, threads: 1 });
      const one = both(qkv, dy);
      for (const threads of [2, 3]) {
        await begin({ precision, threads });
        expectSameBits(both(qkv, dy), one);
      }
    });
  });

  it.each(["fp32", "bf16"] as const)("gives each packed sequence the same bits as alone, in %s", async (precision) => {
    await start({ device: "cpu", precision });
    const [qkv, dy] = operands(17);
    const packed = both(qkv, dy);
    let first = 0;
    for (const { count, length } of segments) {
      const part = ({ shape, data }: Values): Values => {
        const columns = shape[1]!;
        return { shape: [count * length, columns], data: data.slice(first * columns, (first + count * length) * columns) };
      };
      expectSameBits(packed.map((result) => rows(result, first, count * length)), both(part(qkv), part(dy), [{ count, length }]));
      first += count * length;
    }
  });

  it("leaves what is not a number in its sequence", async () => {
    await start({ device: testDevice });
    const [qkv, dy] = operands(8);
    const before = tokensOf(segments.slice(0, 8));
    const { length } = segments[8]!;
    qkv.data[(before + 5) * qkv.shape[1]!] = NaN;
    for (const result of both(qkv, dy)) {
      expect(rows(result, before, length).some(Number.isNaN)).toBe(true);
      expect(rows(result, 0, before).some(Number.isNaN)).toBe(false);
      expect(rows(result, before + length, tokens - before - length).some(Number.isNaN)).toBe(false);
    }
  });
});

describe.skipIf(absent).each(["fp32", "bf16"] as const)("attention in %s", (precision) => {
  describe.each([true, false])("with loops for the processor: %s", (processorLoops) => {
    beforeAll(() => start({ device: testDevice, precision, processorLoops }));

    it("stays finite on scores of ten thousand", () => {
      const [qkv, dy] = operands(64, 55);
      const [output, dQkv] = both(qkv, dy);
      for (const result of [output, dQkv]) expect(result.every(Number.isFinite)).toBe(true);
      // A weighted mean of values around 55. Scores of 1e4 keep 1e-3 in float32, and of operands in bfloat16 tens.
      if (precision === "fp32") expectClose(output, definition(qkv.data, 64), { absolute: 0.5, relative: 1e-3 });
    });

    it("gives a sequence of one token its own value", () => {
      const qkv = toTensor(operands(64, 2, 3)[0]);
      const output = attend(qkv, [{ count: 3, length: 1 }]);
      expectClose(output, tf.slice(qkv, [0, 256], [3, 128]), { absolute: 0, relative: precision === "fp32" ? 0 : 1 / 256 });
    });
  });
});

describe.skipIf(absent || !peakIsMeasurable)("the memory of attention", () => {
  // In tiles: the result (0.4 of the T×T scores of one head, the gradient 1.1), and what two threads keep. In LibTorch's ops:
  // two blocks of scores of 32 MB, and as many copies.
  it.each([["tiles", 0.75, 1.6], ["libtorch", 4, 4]] as const)("in %s is far below the T×T scores of 16 heads", (road, forwardLimit, backwardLimit) => {
    const { forward, backward } = JSON.parse(runProgram("attention-memory", [road])) as { forward: number; backward: number };
    expect(forward).toBeLessThan(forwardLimit);
    expect(backward).toBeLessThan(backwardLimit);
  });
});
