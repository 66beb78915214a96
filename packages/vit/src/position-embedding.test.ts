import { RandomStream, tf, useBackend } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import { positionEmbedding, storedGridSide } from "./position-embedding.ts";

beforeAll(() => useBackend({ name: "cpu" }));

const random = RandomStream.fromSeed(3);
const normals = (count: number) => Float32Array.from({ length: count }, () => random.normal());

describe("positionEmbedding", () => {
  it("gives back the stored embedding at its own size", async () => {
    const stored = tf.tensor3d(normals(10 * 4), [1, 10, 4]);
    const { cls, patches } = positionEmbedding(stored, { height: 3, width: 3 }, { antialias: false, offset: 0.1 });
    expect([...(await tf.concat([cls, patches], 1).data())]).toEqual([...(await stored.data())]);
  });

  it.each([
    [{ antialias: false, offset: 0.1 }],
    [{ antialias: true, offset: 0 }],
  ])("has the gradient that finite differences find, under %j", async (options) => {
    const values = normals(17 * 3);
    const cotangent = tf.tensor3d(normals(10 * 3), [1, 10, 3]);
    const scalar = (stored: tf.Tensor) => {
      const { patches } = positionEmbedding(stored as tf.Tensor3D, { height: 5, width: 2 }, options);
      return tf.sum(tf.mul(patches, cotangent)) as tf.Scalar;
    };
    const gradient = await tf.grad(scalar)(tf.tensor3d(values, [1, 17, 3])).data();
    // The map is linear, so that a difference of any width is exact up to rounding.
    const at = (index: number, step: number) => {
      const moved = values.slice();
      moved[index]! += step;
      return scalar(tf.tensor3d(moved, [1, 17, 3])).dataSync()[0]!;
    };
    for (const index of [0, 2, 3, 11, 26, 40, 50]) {
      expect(gradient[index]).toBeCloseTo((at(index, 0.5) - at(index, -0.5)) / 1, 4);
    }
    expect([...gradient.slice(0, 3)]).toEqual([0, 0, 0]);
  });

  it("goes along with a transposed grid", async () => {
    const stored = tf.tensor3d(normals(10), [1, 10, 1]);
    const options = { antialias: true, offset: 0 };
    const [cls, grid] = tf.split(stored, [1, 9], 1);
    const turned = tf.reshape(tf.transpose(tf.reshape(grid!, [3, 3])), [1, 9, 1]) as tf.Tensor3D;
    const tall = positionEmbedding(stored as tf.Tensor3D, { height: 4, width: 2 }, options).patches;
    const wide = positionEmbedding(tf.concat([cls!, turned], 1) as tf.Tensor3D, { height: 2, width: 4 }, options).patches;
    const tallTurned = await tf.transpose(tf.reshape(tall, [4, 2])).data();
    (await wide.data()).forEach((value, i) => expect(value).toBeCloseTo(tallTurned[i]!, 5));
  });
});

describe("storedGridSide", () => {
  it("refuses an embedding that is not of a square grid", () => {
    expect(storedGridSide([1, 1370, 384])).toBe(37);
    expect(() => storedGridSide([1, 13, 384])).toThrow("pos_embed has the shape [1, 13, 384]");
  });
});
