import { tf, useBackend } from "@dinov2/tensor";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { slide, slidingWindows } from "./sliding-window.ts";

beforeAll(() => useBackend({ name: "wasm" }));

let before = 0;
beforeEach(() => void (before = tf.memory().numTensors));
afterEach(() => expect(tf.memory().numTensors).toBe(before));

describe("sliding windows", () => {
  it("end with the image: the last of a row is moved inwards", () => {
    expect(slidingWindows(4, 10, { size: 4, stride: 3 }).map(([, left, , right]) => [left, right])).toEqual([[0, 4], [3, 7], [6, 10]]);
    expect(slidingWindows(4, 9, { size: 4, stride: 3 }).map(([, left, , right]) => [left, right])).toEqual([[0, 4], [3, 7], [5, 9]]);
  });

  it("of a smaller image are one, as large as the image", () => {
    expect(slidingWindows(3, 2, { size: 4, stride: 3 })).toEqual([[0, 0, 3, 2]]);
  });

  it("average what overlapping windows answer", async () => {
    let seen = 0;
    const images = tf.zeros([1, 3, 2, 5]) as tf.Tensor4D;
    // The first window answers 1 everywhere, the second 2, the third 3.
    const answer = (window: tf.Tensor4D) => tf.fill([1, window.shape[2], window.shape[3], 1], ++seen) as tf.Tensor4D;
    const whole = slide(images, { size: 3, stride: 1 }, answer);
    expect(Array.from(await whole.data()).slice(0, 5)).toEqual([1, 1.5, 2, 2.5, 3]);
    expect(whole.shape).toEqual([1, 2, 5, 1]);
    tf.dispose([images, whole]);
  });

  it("give back the image where each answers with what it sees", async () => {
    const images = tf.randomUniform([2, 1, 7, 9], 0, 1, "float32", 5) as tf.Tensor4D;
    const whole = slide(images, { size: 4, stride: 3 }, (window) => tf.transpose(window, [0, 2, 3, 1]));
    const expected = await images.data();
    (await whole.data()).forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 6));
    tf.dispose([images, whole]);
  });
});
