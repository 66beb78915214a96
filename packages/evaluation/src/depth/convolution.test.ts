import { RandomStream, tf, useBackend, valueAndGradients } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import { resizeBilinear } from "../dense/bilinear-resize.ts";
import { convolve3x3, unfoldPlaces } from "./convolution.ts";
import { everyNth } from "./every-nth.ts";

beforeAll(() => useBackend({ name: "wasm" }));

const random = RandomStream.fromSeed(1);
const draw = (...shape: number[]) => tf.tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal()), shape);

describe("convolve3x3", () => {
  it("is TF.js' convolution with a border of zeros", async () => {
    const x = draw(2, 4, 5, 3) as tf.Tensor4D;
    const kernel = draw(9, 3, 2) as tf.Tensor3D;
    const expected = await tf.conv2d(x, tf.reshape(kernel, [3, 3, 3, 2]), 1, "same").data();
    const got = await convolve3x3(x, kernel).data();
    got.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
  });

  it("has the gradients of finite differences, and keeps no tensor", async () => {
    const variables = new Map([["x", tf.variable(draw(1, 3, 4, 2))], ["kernel", tf.variable(draw(9, 2, 2))]]);
    const weights = draw(1, 3, 4, 2);
    const value = () => tf.tidy(() =>
      tf.sum(tf.mul(convolve3x3(variables.get("x") as never, variables.get("kernel") as never), weights)) as tf.Scalar);
    const before = tf.memory().numTensors;
    const { gradients, value: loss } = valueAndGradients(value, variables);
    const found = new Map([...gradients].map(([name, gradient]) => [name, gradient.dataSync()]));
    tf.dispose([loss, ...gradients.values()]);
    expect(tf.memory().numTensors).toBe(before);
    for (const [name, variable] of variables) {
      const start = Float32Array.from(variable.dataSync());
      for (const place of [0, 7, start.length - 1]) {
        const at = (shift: number) => {
          tf.tidy(() => variable.assign(tf.tensor(start.map((v, i) => (i === place ? v + shift : v)), variable.shape)));
          return tf.tidy(() => value().dataSync()[0]!);
        };
        expect(found.get(name)![place]).toBeCloseTo((at(0.5) - at(-0.5)) / 1, 3);
        at(0);
      }
    }
  });
});

it("unfoldPlaces puts the block of each place where it belongs", async () => {
  const maps = tf.tensor4d([1, 10], [1, 1, 2, 1]);
  const weight = tf.tensor2d([1, 2, 3, 4], [1, 4]);
  expect(await tf.squeeze(unfoldPlaces(maps, weight, 2)).array()).toEqual([[1, 2, 10, 20], [3, 4, 30, 40]]);
});

it("everyNth keeps the first of n in both directions, of a size that n does not divide", async () => {
  const maps = tf.reshape(tf.range(0, 15), [1, 3, 5]) as tf.Tensor3D;
  expect(await tf.squeeze(everyNth(maps, 2)).array()).toEqual([[0, 2, 4], [10, 12, 14]]);
});

describe("resizeBilinear", () => {
  const row = (...values: number[]) => tf.tensor4d(values, [1, 1, values.length, 1]);

  it("takes places as squares, or keeps the corners", async () => {
    expect(await resizeBilinear(row(0, 4), [1, 4]).data()).toEqual(Float32Array.of(0, 1, 3, 4));
    expect([...(await resizeBilinear(row(0, 3), [1, 4], { alignCorners: true }).data())].map(Math.round)).toEqual([0, 1, 2, 3]);
  });

  it("has the gradient of its own weights, on each channel and image alone", () => {
    const maps = tf.variable(tf.zeros([2, 1, 2, 2]));
    const weights = tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8, 10, 0, 0, 0, 0, 0, 0, 1], [2, 1, 4, 2]);
    const value = () => tf.sum(tf.mul(resizeBilinear(maps as never, [1, 4]), weights)) as tf.Scalar;
    const { gradients } = valueAndGradients(value, new Map([["maps", maps]]));
    // Of the four places the first is the first's, the second ¾ and the third ¼ of it; the others are the second's.
    expect([...gradients.get("maps")!.dataSync()]).toEqual([1 + 2.25 + 1.25, 2 + 3 + 1.5, 0.75 + 3.75 + 7, 1 + 4.5 + 8, 10, 0, 0, 1]);
  });

  it("keeps channels and images apart", async () => {
    const maps = tf.tensor4d([0, 5, 2, 7, 10, 15, 20, 25], [2, 1, 2, 2]);
    expect(await resizeBilinear(maps, [1, 1]).data()).toEqual(Float32Array.of(1, 6, 15, 20));
  });
});
