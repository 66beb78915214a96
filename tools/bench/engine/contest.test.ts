import { describe, expect, it } from "vitest";
import { type Contender, contest, rowOf } from "./contest.ts";

/** Takes the given seconds, lap after lap; the last one from then on. */
function scripted(name: string, ...seconds: number[]): Contender & { laps: number; retired: boolean } {
  return {
    name,
    laps: 0,
    retired: false,
    async lap() {
      return seconds[Math.min(this.laps++, seconds.length - 1)]!;
    },
    async retire() {
      this.retired = true;
    },
  };
}

describe("a contest", () => {
  it("plays the rounds with the best of the tries, and lets everyone retire", async () => {
    const [ours, slow, best, second] = [scripted("ours", 1), scripted("slow", 9), scripted("best", 2), scripted("second", 3)];
    const outcome = await contest(ours, [slow, best, second], { rounds: 3, finalists: 2 });
    expect([ours, slow, best, second].map(({ laps }) => laps)).toEqual([4, 1, 4, 4]);
    expect([ours, slow, best, second].every(({ retired }) => retired)).toBe(true);
    expect(outcome.peers.map(({ name }) => name)).toEqual(["best", "second", "slow"]);
  });

  it("is decided by the median of the rounds, not by the try", async () => {
    const lucky = scripted("lucky", 1, 5, 6, 7);
    const steady = scripted("steady", 4);
    const { ours, peers } = await contest(scripted("ours", 50, 1, 30, 2), [lucky, steady], { rounds: 3, finalists: 2 });
    expect(ours).toBe(2);
    expect(peers).toEqual([
      { name: "steady", cost: 4 },
      { name: "lucky", cost: 6 },
    ]);
  });
});

describe("a row", () => {
  const perSecond = { name: "work", unit: "1/s", figure: (seconds: number) => 1 / seconds };

  it("has a ratio above 1 where ours is better, although the figure is a rate", () => {
    const row = rowOf({ ours: 2, peers: [{ name: "peer", cost: 4 }] }, perSecond, "");
    expect(row).toMatchObject({ ours: 0.5, peer: 0.25, peerName: "peer", ratio: 2 });
  });

  it("says what the machine allows where a target is above it", () => {
    // The peer takes 2 s where the peak would take 1.6 s.
    const row = rowOf({ ours: 2, peers: [{ name: "peer", cost: 2 }] }, { ...perSecond, shareOfPeak: 0.8, target: 1.5 }, "");
    expect(row.note).toBe("the peer is at 80 % of the peak, so 1.25× is the most that this machine allows");
  });

  it("without a peer says why", () => {
    expect(rowOf({ ours: 2, peers: [] }, perSecond, "not installed")).toMatchObject({ peer: null, ratio: null, note: "not installed" });
  });
});
