// What the precision of products changes, and what it leaves alone.
import { fullPrecision, linear, roundOperand, tf } from "@dinov2/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { missing, start } from "./index.ts";
import { testDevice } from "./testing/test-device.ts";

/** 1 + 2^-10 has 10 bits behind the point; bfloat16 keeps 7, and rounds it to 1. */
const fine = 1 + 2 ** -10;

const why = await missing();

const processors = [{ bfloat16Instructions: true }, { bfloat16Instructions: false }];

describe.skipIf(why !== undefined).each(processors)("with products in bfloat16, instructions for it $bfloat16Instructions", (processor) => {
  beforeAll(() => start({ device: testDevice, precision: "bf16", ...processor }));
  afterAll(() => start({ device: testDevice }));

  const square = () => tf.matMul(tf.fill([2, 2], fine), tf.eye(2)).dataSync()[0];

  it("the operands of a product are rounded, and not inside fullPrecision", () => tf.tidy(() => {
    expect(square()).toBe(1);
    expect(fullPrecision(square)).toBe(Math.fround(fine));
    expect(() => fullPrecision(() => { throw new Error("stopped"); })).toThrow("stopped");
    expect(square()).toBe(1);
  }));

  it("sums, means and elementwise arithmetic are those of float32", () => tf.tidy(() => {
    const x = tf.fill([1000], fine);
    expect(tf.mean(x).dataSync()[0]).toBeCloseTo(fine, 6);
    expect(tf.mul(x, 1).dataSync()[0]).toBe(Math.fround(fine));
  }));

  it("a weight that was rounded before gives the same products, to the last bit", () => tf.tidy(() => {
    const x = tf.randomNormal([5, 40], 0, 1, "float32", 1);
    const weight = tf.randomNormal([7, 40], 0, 1, "float32", 2);
    const rounded = roundOperand(weight);
    expect(rounded.dataSync()).not.toEqual(weight.dataSync());
    expect(rounded.dataSync()).toEqual(roundOperand(rounded).dataSync());
    expect(linear(x, rounded).dataSync()).toEqual(linear(x, weight).dataSync());
  }));

  it("TF.js is told that its count of bytes is too high", () => {
    expect(tf.memory()).toMatchObject({ unreliable: true, reasons: [expect.stringContaining("bfloat16")] });
  });

  it("the next start in float32 rounds nothing", async () => {
    await start({ device: testDevice });
    expect(tf.tidy(() => square())).toBe(Math.fround(fine));
    expect(tf.memory().unreliable).toBe(false);
  });
});
