import { RandomStream } from "@dinov2/foundation";
import { describe, expect, it } from "vitest";
import { keepSequences, randomSamples, stochasticDepth, type SampleDraw } from "./stochastic-depth.ts";

const draw = { block: 0, branch: "attention", rate: 0.3 } as const;
const segments = [
  { count: 8, length: 5 },
  { count: 32, length: 2 },
];

describe("keepSequences", () => {
  it("keeps max(int(b (1 - r)), 1) samples of each crop size and scales by b / kept", () => {
    const depth = { choose: randomSamples(RandomStream.fromSeed(1)), form: "list" } as const;
    const kept = keepSequences(depth, segments, draw)!;
    expect(kept.segments).toEqual([
      { count: 5, length: 5 },
      { count: 22, length: 2 },
    ]);
    expect(kept.rows.length).toBe(5 * 5 + 22 * 2);
    expect(new Set(kept.rows).size).toBe(kept.rows.length);
    const scales = kept.scale as Float32Array;
    expect(scales[0]).toBeCloseTo(8 / 5, 6);
    expect(scales[25]).toBeCloseTo(32 / 22, 6);
  });

  it("keeps whole sequences, in the packed order of their rows", () => {
    const choose = ({ crop }: SampleDraw) => Int32Array.from(crop === 0 ? [2] : [31, 0]);
    const kept = keepSequences({ choose, form: "list" }, segments, draw)!;
    expect([...kept.rows]).toEqual([10, 11, 12, 13, 14, 102, 103, 40, 41]);
  });

  it("keeps at least one sample", () => {
    const depth = { choose: randomSamples(RandomStream.fromSeed(1)), form: "list" } as const;
    expect(keepSequences(depth, [{ count: 1, length: 4 }], draw)!.segments).toEqual([{ count: 1, length: 4 }]);
  });

  it("takes the mask form in a plain batch up to a rate of 0.1, and never in a list", () => {
    const asked: (number | null)[] = [];
    const choose = ({ keep, batch }: SampleDraw) => {
      asked.push(keep);
      return Int32Array.from({ length: keep ?? batch }, (_, i) => i);
    };
    const one = [{ count: 20, length: 3 }];
    expect(keepSequences({ choose, form: "plain" }, one, { ...draw, rate: 0.1 })!.scale).toBeCloseTo(1 / 0.9, 12);
    keepSequences({ choose, form: "plain" }, one, { ...draw, rate: 0.11 });
    keepSequences({ choose, form: "list" }, one, { ...draw, rate: 0.1 });
    expect(asked).toEqual([null, 17, 18]);
  });

  it("draws anew for each crop size", () => {
    const depth = { choose: randomSamples(RandomStream.fromSeed(5)), form: "list" } as const;
    const twins = [{ count: 16, length: 1 }, { count: 16, length: 1 }];
    const { rows } = keepSequences(depth, twins, draw)!;
    expect([...rows.slice(0, 11)]).not.toEqual([...rows.slice(11)].map((row) => row - 16));
  });
});

describe("randomSamples", () => {
  it("keeps each sample with probability 1 - rate in the mask form", () => {
    const choose = randomSamples(RandomStream.fromSeed(2));
    const kept = choose({ block: 0, branch: "ffn", crop: 0, batch: 20_000, rate: 0.1, keep: null });
    // Four standard errors of a binomial share.
    expect(Math.abs(kept.length / 20_000 - 0.9)).toBeLessThan(4 * Math.sqrt(0.09 / 20_000));
  });

  it("draws the same at the same place, in whatever order it is asked", () => {
    const [first, second] = [randomSamples(RandomStream.fromSeed(4)), randomSamples(RandomStream.fromSeed(4))];
    const places = [0, 1, 2].map((block) => ({ block, branch: "ffn", crop: 0, batch: 50, rate: 0.4, keep: 30 }) as const);
    const forwards = places.map((place) => [...first(place)]);
    const backwards = places.toReversed().map((place) => [...second(place)]);
    expect(forwards).toEqual(backwards.toReversed());
    expect(forwards[0]).not.toEqual(forwards[1]);
  });

  it("keeps every sample equally often in the subset form", () => {
    const choose = randomSamples(RandomStream.fromSeed(3));
    const counts = new Array<number>(5).fill(0);
    for (let block = 0; block < 3000; block++) {
      for (const sample of choose({ block, branch: "ffn", crop: 0, batch: 5, rate: 0.4, keep: 3 })) counts[sample]!++;
    }
    for (const count of counts) expect(Math.abs(count / 3000 - 0.6)).toBeLessThan(4 * Math.sqrt(0.24 / 3000));
  });
});

describe("stochasticDepth", () => {
  it("is off outside training and where every rate is zero", () => {
    const random = RandomStream.fromSeed(0);
    expect(stochasticDepth({ random }, [0.3], "plain")).toBeNull();
    expect(stochasticDepth({ random, training: true }, [0, 0], "plain")).toBeNull();
    expect(stochasticDepth({ random, training: true }, [0, 0.1], "plain")?.form).toBe("plain");
  });

  it("asks for a random stream instead of drawing unseeded", () => {
    expect(() => stochasticDepth({ training: true }, [0.3], "plain")).toThrow("pass `random`");
  });
});
