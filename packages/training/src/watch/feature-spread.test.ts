import { RandomStream } from "@dinov2/foundation";
import { describe, expect, it } from "vitest";
import { featureSpread } from "./feature-spread.ts";

const random = RandomStream.fromSeed(3);
const normals = (count: number) => Float32Array.from({ length: count }, () => random.normal());

describe("featureSpread", () => {
  it("of orthogonal rows of one length: as many directions as rows, √2 apart", () => {
    const [images, width] = [4, 8];
    const features = new Float32Array(images * width);
    for (let i = 0; i < images; i++) features[i * width + i] = 3;
    const spread = featureSpread(features, width, 1);
    expect(spread.feature_rank).toBeCloseTo(4, 6);
    expect(spread.neighbour_distance).toBeCloseTo(Math.SQRT2, 6);
    // Each of the first four dimensions holds one 1 among four rows, the others nothing.
    expect(spread.feature_std).toBeCloseTo((Math.sqrt(8) * 4 * Math.sqrt(1 / 4 - 1 / 16)) / 8, 6);
  });

  it("of many random directions: deviation 1", () => {
    const spread = featureSpread(normals(256 * 32), 32, 2);
    expect(spread.feature_std).toBeCloseTo(1, 1);
    expect(spread.feature_rank).toBeGreaterThan(30);
  });

  it("of one row again and again: no deviation, no distance, one direction", () => {
    const row = normals(16);
    const spread = featureSpread(Float32Array.from({ length: 6 * 16 }, (_, i) => row[i % 16]!), 16, 2);
    expect(spread.feature_std).toBeCloseTo(0, 6);
    expect(spread.neighbour_distance).toBeCloseTo(0, 5);
    expect(spread.feature_rank).toBeCloseTo(1, 4);
  });

  it("weighs directions by exp of the entropy of singular values", () => {
    // Orthogonal rows of lengths 3 and 1: shares 3/4 and 1/4.
    const spread = featureSpread(Float32Array.of(3, 0, 0, 1), 2, 1);
    expect(spread.feature_rank).toBeCloseTo(Math.exp(-0.75 * Math.log(0.75) - 0.25 * Math.log(0.25)), 9);
  });

  it("takes no other view of an image for its neighbour, and has no neighbour for one image", () => {
    const twice = Float32Array.of(1, 0, 0, 1, /* second view */ 1, 0, 0, 1);
    expect(featureSpread(twice, 2, 2).neighbour_distance).toBeCloseTo(Math.SQRT2, 9);
    expect(featureSpread(Float32Array.of(1, 0, 1, 0), 2, 2)).not.toHaveProperty("neighbour_distance");
  });
});
