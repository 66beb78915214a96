// The revisited protocol's scores of rankings, beside its definition: the area under precision over recall by numpy's trapezoids.

import { nearestNeighbours, ranksOf, revisitedPrecision, trapezoidAveragePrecision } from "@dinov2/evaluation";
import { RandomStream } from "@dinov2/foundation";
import { type Crosscheck, examples, listsOf } from "./crosscheck.ts";

type Kind = "easy" | "hard" | "junk";
type Relevance = Record<Kind, number[]>;

const settings: Readonly<Record<string, readonly [right: readonly Kind[], ignored: readonly Kind[]]>> = {
  easy: [["easy"], ["hard", "junk"]],
  medium: [["easy", "hard"], ["junk"]],
  hard: [["hard"], ["easy", "junk"]],
};

export const retrievalCheck: Crosscheck = {
  name: "retrieval",
  library: "numpy",
  async run(ask) {
    const [gallery, queries] = [examples(400, 16, 20, 1, "gallery").features, examples(40, 16, 20, 1, "queries").features];
    const truth = Array.from({ length: queries.count }, (_, query) => relevanceOf(query, gallery.count));
    const theirs = await ask<Record<string, number>>({ check: "retrieval", gallery: listsOf(gallery), queries: listsOf(queries), ground_truth: truth });
    const { indices, k } = await nearestNeighbours(gallery, queries, gallery.count);
    return Object.entries(settings).flatMap(([setting, [right, ignored]]) => {
      const ranked = truth.map((kinds, query) => {
        const positive = new Set(right.flatMap((kind) => kinds[kind]));
        return { ranks: ranksOf(indices.subarray(query * k, (query + 1) * k), positive, new Set(ignored.flatMap((kind) => kinds[kind]))), count: positive.size };
      }).filter(({ count }) => count > 0);
      const mean = (score: (one: (typeof ranked)[number]) => number) => ranked.reduce((sum, one) => sum + score(one), 0) / ranked.length;
      const ours = { mAP: mean(({ ranks, count }) => trapezoidAveragePrecision(ranks, count)), ...Object.fromEntries([1, 5, 10].map((at) => [`mP@${at}`, mean(({ ranks }) => revisitedPrecision(ranks, at))])) };
      return Object.entries(ours).map(([score, value]) => ({ what: `${setting}.${score}`, worst: Math.abs(value - theirs[`${setting}.${score}`]!), allowed: 1e-9 }));
    });
  },
};

/** Images of the query's class, each of some kind or wrong, and a few of another; now and then none that is easy. */
function relevanceOf(query: number, count: number): Relevance {
  const random = RandomStream.fromSeed(2).split(query);
  const kinds: Relevance = { easy: [], hard: [], junk: [] };
  for (let image = query % 20; image < count; image += 20) {
    const kind = (["easy", "hard", "junk", undefined] as const)[random.integer(4)];
    if (kind && !(kind === "easy" && query % 7 === 0)) kinds[kind].push(image);
  }
  kinds.hard.push((query + 1) % 20);
  return kinds;
}
