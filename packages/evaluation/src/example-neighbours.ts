// A few test images with what lies nearest to them: numbers do not say in which way features are right or wrong.

import { RandomStream } from "@dinov2/foundation";
import type { NeighboursDetail } from "./details.ts";
import { type LabelledFeatures, selectRows } from "./feature-matrix.ts";
import type { ExtractedFeatures } from "./features.ts";
import { nearestNeighbours } from "./nearest-neighbours.ts";

type PlacedFeatures = LabelledFeatures & Pick<ExtractedFeatures, "rows">;

/** At most `queries` random test images, each of another class, whatever their neighbours are: none is chosen that flatters. */
export async function exampleNeighbours(
  train: PlacedFeatures,
  test: PlacedFeatures,
  seed: number,
  { queries = 8, neighbours = 6 } = {},
): Promise<NeighboursDetail> {
  const seen = new Set<number>();
  const order = [...RandomStream.fromSeed(seed).split("neighbours to look at").permutation(test.labels.length)];
  const chosen = order.filter((row) => !seen.has(test.labels[row]!) && seen.add(test.labels[row]!)).slice(0, queries);
  const k = Math.min(neighbours, train.features.count);
  const { indices, similarities } = await nearestNeighbours(train.features, selectRows(test.features, chosen), k);
  const neighbour = (place: number) => ({ train: train.rows[indices[place]!]!, similarity: similarities[place]! });
  return {
    detail: "neighbours",
    of: `${k} nearest`,
    queries: chosen.map((row, query) => ({
      test: test.rows[row]!,
      neighbours: Array.from({ length: k }, (_, rank) => neighbour(query * k + rank)),
    })),
  };
}
