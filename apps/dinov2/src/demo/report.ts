// The demo's page: the table, loss curves of the first seed, and for a few test pictures the nearest train pictures before
// and after training.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { formatDuration } from "@dinov2/cli";
import type { ImageDataset } from "@dinov2/data";
import type { Neighbours } from "@dinov2/evaluation";
import { RandomStream, writeFileAtomic } from "@dinov2/foundation";
import { renderPretrainReport, type LabelledImage, type Neighbour, type NeighbourComparison } from "@dinov2/report";
import { readMetrics } from "@dinov2/training";
import { bestFeatures, contenders, meanAndSpread, setting, verdict } from "./describe.ts";
import { neighboursOf } from "./measure.ts";
import type { DemoResult, SeedRun } from "./run-demo.ts";

/** Test pictures on the page, and neighbours of each. */
const queryCount = 9;
const neighbourCount = 6;

/** Writes `OUT/report.html`; `run` is the seed whose curves and neighbours are shown. */
export async function writeReport(result: DemoResult, run: SeedRun): Promise<void> {
  const several = result.seeds.length > 1;
  const accuracies = contenders.map(({ name, of }) => {
    const values = result.seeds.map(({ accuracy }) => of(accuracy));
    return [name, several ? meanAndSpread(values) : values[0]!];
  });
  const spread = several ? `Mean ± standard deviation over ${result.seeds.length} seeds, each with its own split. ` : "";
  const features = bestFeatures(result);
  const page = renderPretrainReport({
    title: "dinov2 demo: a small ViT learns from emoji, without labels",
    facts: {
      pictures: result.images,
      steps: `${result.steps} of ${result.batchSize} pictures`,
      "backbone parameters": result.backboneParameters,
      engine: result.engine,
      time: formatDuration(result.seconds),
      "curves and neighbours of": `seed ${run.result.seed}`,
      "neighbours by": `${features.untrained} before, ${features.trained} after`,
    },
    table: {
      caption: `${spread}${[...setting(result), ...verdict(result).map((line) => line.trim())].join(" ")}`,
      columns: ["k-NN on", { name: "accuracy", percent: true }],
      rows: accuracies,
    },
    neighbours: await neighbourComparisons(run, features),
    metrics: await readMetrics(join(result.out, run.result.run, "metrics.jsonl")),
  });
  await writeFileAtomic(join(result.out, result.report), page);
}

/** A random test picture of each category in turn, whatever its neighbours are: the page does not choose what flatters. */
async function neighbourComparisons(
  { task, untrained, trained, result }: SeedRun, features: ReturnType<typeof bestFeatures>,
): Promise<NeighbourComparison[]> {
  const count = Math.min(neighbourCount, task.train.length);
  const before = await neighboursOf(untrained.features[features.untrained], count);
  const after = await neighboursOf(trained.features[features.trained], count);
  const row = (query: number, found: Neighbours) =>
    Promise.all(Array.from({ length: found.k }, (_, rank) => neighbour(query, rank, found)));
  const neighbour = async (query: number, rank: number, found: Neighbours): Promise<Neighbour> => {
    const place = query * found.k + rank;
    const index = found.indices[place]!;
    const correct = task.train.label(index) === task.test.label(query);
    return { ...(await picture(task.train, index)), similarity: found.similarities[place]!, correct };
  };
  return Promise.all(
    chooseQueries(task.test, result.seed).map(async (query) => ({
      query: await picture(task.test, query),
      before: await row(query, before),
      after: await row(query, after),
    })),
  );
}

function chooseQueries(test: ImageDataset, seed: number): number[] {
  const order = [...RandomStream.fromSeed(seed).split("demo", "queries").permutation(test.length)];
  const seen = new Set<number>();
  return order
    .filter((row) => !seen.has(test.label(row)!) && seen.add(test.label(row)!))
    .sort((a, b) => test.label(a)! - test.label(b)!)
    .slice(0, queryCount);
}

async function picture(dataset: ImageDataset, index: number): Promise<LabelledImage> {
  const bytes = await readFile(dataset.source(index));
  return {
    image: `data:image/png;base64,${bytes.toString("base64")}`,
    label: dataset.classNames![dataset.label(index)!]!,
  };
}
