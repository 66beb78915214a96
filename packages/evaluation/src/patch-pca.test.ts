import { RandomStream } from "@dinov2/foundation";
import { expect, it } from "vitest";
import { patchPca, principalComponents } from "./patch-pca.ts";

it("projects on the direction of the largest variance: points along (3, 4) lie at their distances from the mean", () => {
  const along = [-2, 0, 1, 1];
  const values = Float32Array.from(along.flatMap((t) => [7 + 0.6 * t, 0.8 * t]));
  const [first, second] = principalComponents({ count: 4, width: 2, values }, 2);
  const sign = Math.sign(first![3]!);
  along.forEach((t, i) => expect(sign * first![i]!).toBeCloseTo(t, 5));
  for (const value of second!) expect(value).toBeCloseTo(0, 5);
});

it("parts what is in the middle from the border, whichever side has the larger values, and colours it alone", () => {
  const random = RandomStream.fromSeed(5);
  for (const height of [8, -8]) {
    const inside = Array.from({ length: 16 }, (_, n) => [5, 6, 9, 10].includes(n));
    const values = Float32Array.from(inside.flatMap((object) => [object ? height : 0, random.normal(0, 0.1), random.normal(0, 0.1), random.normal(0, 0.1)]));
    const border = Uint8Array.from(inside, (object) => (object ? 0 : 1));
    const { foreground, colors } = patchPca({ count: 16, width: 4, values }, border);
    expect([...foreground]).toEqual(inside.map(Number));
    for (let n = 0; n < 16; n++) if (!inside[n]) expect([...colors.subarray(3 * n, 3 * n + 3)]).toEqual([0, 0, 0]);
    for (let channel = 0; channel < 3; channel++) {
      const shown = [5, 6, 9, 10].map((n) => colors[3 * n + channel]!);
      expect([Math.min(...shown), Math.max(...shown)]).toEqual([0, 1]);
    }
  }
});
