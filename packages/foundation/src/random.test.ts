import { describe, expect, it } from "vitest";
import { RandomStream } from "./random.ts";

const draw = (stream: RandomStream, count: number) => Array.from({ length: count }, () => stream.uniform());

describe("RandomStream", () => {
  it("gives the same numbers for the same seed and others for another", () => {
    expect(draw(RandomStream.fromSeed(7), 5)).toEqual(draw(RandomStream.fromSeed(7), 5));
    expect(draw(RandomStream.fromSeed(7), 5)).not.toEqual(draw(RandomStream.fromSeed(8), 5));
  });

  it("goes on from a stored state as if it had never stopped, spare normal number included", () => {
    const stream = RandomStream.fromSeed(1);
    stream.normal();
    const stored = JSON.parse(JSON.stringify(stream.state())) as ReturnType<RandomStream["state"]>;
    const expected = [stream.normal(), stream.normal(), stream.uint32()];
    const resumed = RandomStream.fromState(stored);
    expect([resumed.normal(), resumed.normal(), resumed.uint32()]).toEqual(expected);
  });

  it("splits by label without advancing the parent", () => {
    const parent = RandomStream.fromSeed(3);
    const before = parent.state();
    const [a, b] = [parent.split("crop", 0), parent.split("crop", 1)];
    expect(parent.state()).toEqual(before);
    expect(draw(a, 4)).not.toEqual(draw(b, 4));
    expect(draw(parent.split("crop", 0), 4)).toEqual(draw(RandomStream.fromSeed(3).split("crop", 0), 4));
  });

  it("has uncorrelated streams for neighbouring labels", () => {
    const count = 4000;
    const parent = RandomStream.fromSeed(0);
    const first = Array.from({ length: count }, (_, i) => parent.split("sample", i).uniform() - 0.5);
    const lagged = first.slice(1).reduce((sum, value, i) => sum + value * first[i]!, 0) / (count - 1);
    // The product of two independent U(-.5,.5) has standard deviation 1/12: five standard errors.
    expect(Math.abs(lagged)).toBeLessThan((5 * (1 / 12)) / Math.sqrt(count));
    expect(Math.abs(first.reduce((sum, value) => sum + value, 0) / count)).toBeLessThan(5 / Math.sqrt(12 * count));
  });

  it("is uniform: 64 bins of 64,000 draws stay within a chi-squared of 63 degrees of freedom", () => {
    const bins = new Array<number>(64).fill(0);
    for (const value of draw(RandomStream.fromSeed(5), 64_000)) bins[Math.floor(value * 64)]! += 1;
    const chiSquared = bins.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(chiSquared).toBeLessThan(63 + 5 * Math.sqrt(2 * 63));
    expect(chiSquared).toBeGreaterThan(63 - 5 * Math.sqrt(2 * 63));
  });

  it("has normal numbers of mean 0 and variance 1", () => {
    const stream = RandomStream.fromSeed(11);
    const values = Array.from({ length: 40_000 }, () => stream.normal());
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(values.length));
    expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / values.length));
  });

  it("puts every item in every place about equally often when it shuffles", () => {
    const stream = RandomStream.fromSeed(2);
    const counts = new Array<number>(25).fill(0);
    for (let draws = 0; draws < 5000; draws++) stream.permutation(5).forEach((item, place) => (counts[item * 5 + place]! += 1));
    // Binomial(5000, 1/5): standard deviation 28.3, five of them.
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(142);
  });

  it("refuses a seed that is not a number and an empty range", () => {
    expect(() => RandomStream.fromSeed(Number.NaN)).toThrow(/not a finite number/);
    expect(() => RandomStream.fromSeed(0).integer(0)).toThrow(/at least 1/);
  });
});
