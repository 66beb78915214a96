import { type LayersModel, tf, useBackend } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import { layersBackbone } from "./layers-backbone.ts";

/** Says of each quarter of an image the mean of its three colours. */
const quarters: LayersModel = {
  inputShape: [4, 4, 3],
  layers: new Map([["map", [2, 2, 3]], ["pooled", [3]], ["steps", [5, 3]]]),
  sha256: "abc",
  output: (layer, images) => (layer === "map" ? tf.avgPool(images, 2, 2, "valid") : tf.mean(images, [1, 2])),
  dispose: () => undefined,
};
/** [1, 3, 4, 4] whose colours are 0, 1, … in the order of memory. */
const image = () => tf.reshape(tf.range(0, 48), [1, 3, 4, 4]) as tf.Tensor4D;
const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync());

describe("a backbone of TF.js layers", () => {
  beforeAll(() => useBackend({ name: "cpu" }));

  it("reads the last map as it comes: its mean for an image, and its places", () => {
    const backbone = layersBackbone("net", quarters);
    expect(backbone.width).toBe(3);
    expect(values(backbone.imageFeatures(image()))).toEqual([7.5, 23.5, 39.5]);
    expect(backbone.places).toMatchObject({ depth: 1, width: 3, patchSize: 2 });
    const [map] = backbone.places!.maps(image(), { layers: [0] });
    expect(map!.patches.shape).toEqual([1, 2, 2, 3]);
    expect(values(map!.patches).slice(0, 6)).toEqual([2.5, 18.5, 34.5, 4.5, 20.5, 36.5]);
    expect(values(map!.classToken)).toEqual([7.5, 23.5, 39.5]);
  });

  it("reads a named layer, which may have no places", () => {
    const backbone = layersBackbone("net", quarters, { layer: "pooled" });
    expect(values(backbone.imageFeatures(image()))).toEqual([7.5, 23.5, 39.5]);
    expect(backbone.places).toBeUndefined();
  });

  it("prepares images in the range that the network knows: v becomes (v - mean) / deviation", () => {
    const inRange = (inputRange: [number, number]) => {
      const { mean, standardDeviation } = layersBackbone("net", quarters, { inputRange }).imageSizes;
      return [0, 1].map((v) => (v - mean![0]!) / standardDeviation![0]!);
    };
    expect(inRange([-1, 1])).toEqual([-1, 1]);
    expect(inRange([0, 255]).map((v) => v + 0)).toEqual([0, 255]);
  });

  it("is another for another layer or range", async () => {
    const prints = [{}, { layer: "pooled" }, { inputRange: [-1, 1] as const }].map((options) => layersBackbone("net", quarters, options).fingerprint!());
    expect(new Set(await Promise.all(prints)).size).toBe(3);
  });

  it.each([
    [{ layer: "mpa" }, /has no layer "mpa"; its last layers are map, pooled, steps/],
    [{ layer: "steps" }, /gives \[5, 3\] of an image; expected a vector or a map/],
    [{ cropSize: 8 }, /takes images of 4 pixels alone/],
    [{ resizeSize: 3 }, /does not fit in images resized to 3/],
  ])("refuses %j", (options, message) => {
    expect(() => layersBackbone("net", quarters, options)).toThrow(message);
  });
});
