import { InputError } from "@dinov2/foundation";
import { describe, expect, it } from "vitest";
import { epochOrder, InfiniteSampler } from "./samplers.ts";

const take = (sampler: InfiniteSampler, count: number) => Array.from({ length: count }, () => sampler.next());
const sorted = (values: Iterable<number>) => [...values].sort((a, b) => a - b);
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

describe("the infinite sampler", () => {
  it("shows every image once a pass, in another order each pass", () => {
    const sampler = InfiniteSampler.create({ length: 50, seed: 1 });
    const [first, second] = [take(sampler, 50), take(sampler, 50)];
    expect(sorted(first)).toEqual(upTo(50));
    expect(sorted(second)).toEqual(upTo(50));
    expect(second).not.toEqual(first);
    expect(first).not.toEqual(upTo(50));
  });

  it("deals the set out to the processes, the same share every pass, without the surplus", () => {
    const passes = [0, 1, 2].map((rank) => {
      const sampler = InfiniteSampler.create({ length: 20, seed: 3, rank, worldSize: 3 });
      expect(sampler.passLength).toBe(6);
      return [take(sampler, 6), take(sampler, 6)];
    });
    for (const [first, second] of passes) expect(sorted(second!)).toEqual(sorted(first!));
    expect(new Set(passes.map(([first]) => first!).flat()).size).toBe(18);
  });

  it("goes on from its state as if it had never stopped", () => {
    const whole = take(InfiniteSampler.create({ length: 17, seed: 5 }), 60);
    const part = InfiniteSampler.create({ length: 17, seed: 5 });
    take(part, 29);
    const resumed = InfiniteSampler.fromState(JSON.parse(JSON.stringify(part.state())));
    expect(take(resumed, 31)).toEqual(whole.slice(29));
  });

  it("knows any position without going there", () => {
    const sampler = InfiniteSampler.create({ length: 17, seed: 5 });
    const whole = take(InfiniteSampler.create({ length: 17, seed: 5 }), 60);
    expect([59, 0, 33, 16, 17].map((position) => sampler.at(position))).toEqual([59, 0, 33, 16, 17].map((i) => whole[i]));
  });

  it("differs by seed", () => {
    const of = (seed: number) => take(InfiniteSampler.create({ length: 30, seed }), 30);
    expect(of(1)).not.toEqual(of(2));
  });

  it("stands in with any image of its share, by position and attempt", () => {
    const sampler = InfiniteSampler.create({ length: 20, seed: 5, rank: 1, worldSize: 2 });
    const standIns = (attempt: number) => upTo(200).map((position) => sampler.substitute(position, attempt));
    expect(new Set(standIns(1))).toEqual(new Set(take(sampler, sampler.passLength)));
    expect(sampler.substitutes()).toBe(sampler.passLength);
    expect(standIns(1)).toEqual(standIns(1));
    expect(standIns(2)).not.toEqual(standIns(1));
  });

  it("refuses fewer images than processes", () => {
    expect(() => InfiniteSampler.create({ length: 2, seed: 0, worldSize: 3 })).toThrow(InputError);
  });
});

describe("one epoch", () => {
  it("is every image in order, dealt out to the processes", () => {
    expect([...epochOrder({ length: 7 })]).toEqual(upTo(7));
    expect([0, 1, 2].map((rank) => [...epochOrder({ length: 7, rank, worldSize: 3 })])).toEqual([[0, 3, 6], [1, 4], [2, 5]]);
  });

  it("is shuffled by seed and epoch", () => {
    const order = (epoch: number) => [...epochOrder({ length: 40, shuffle: { seed: 9, epoch } })];
    expect(sorted(order(0))).toEqual(upTo(40));
    expect(order(0)).toEqual(order(0));
    expect(order(1)).not.toEqual(order(0));
  });
});
