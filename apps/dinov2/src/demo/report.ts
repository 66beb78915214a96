// The demo's page: the table, loss curves of the first seed, and for a few test pictures the nearest train pictures before
// and after training.
import { join } from "node:path";
import { formatDuration } from "@dinov2/cli";
import { imageBytes, type ImageDataset } from "@dinov2/data";
import type { ClassificationTask, Neighbours } from "@dinov2/evaluation";
import { RandomStream, writeFileAtomic } from "@dinov2/foundation";
import { meanAndSpread, renderPretrainReport, type LabelledImage, type Neighbour, type NeighbourComparison } from "@dinov2/report";
import { readMetrics } from "@dinov2/training";
import { bestFeatures, contenders, setting, verdict } from "./describe.ts";
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
  const comparisons = await compareNeighbours(run, features);
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
      [`of ${comparisons.perImage} neighbours right, over all test pictures`]:
        `${share(comparisons.rightBefore)} before, ${share(comparisons.rightAfter)} after`,
    },
    table: {
      caption: `${spread}${[...setting(result), ...verdict(result).map((line) => line.trim())].join(" ")}`,
      columns: ["k-NN on", { name: "accuracy", percent: true }],
      rows: accuracies,
    },
    neighbours: comparisons.shown,
    metrics: await readMetrics(join(result.out, run.result.run, "metrics.jsonl")),
  });
  await writeFileAtomic(join(result.out, result.report), page);
}

const share = (part: number) => `${(100 * part).toFixed(1)} %`;

interface NeighbourFigures {
  readonly shown: NeighbourComparison[];
  /** Neighbours looked at of each test picture, and the share of them that is of its class. */
  readonly perImage: number;
  readonly rightBefore: number;
  readonly rightAfter: number;
}

/** A random test picture of each category, whatever its neighbours are: the page does not choose what flatters. */
async function compareNeighbours(
  { task, untrained, trained, result }: SeedRun, features: ReturnType<typeof bestFeatures>,
): Promise<NeighbourFigures> {
  const perImage = Math.min(neighbourCount, task.train.length);
  const before = await neighboursOf(untrained.features[features.untrained], perImage);
  const after = await neighboursOf(trained.features[features.trained], perImage);
  const shown = chooseQueries(task.test, result.seed).map(async (query) => ({
    query: await picture(task.test, query),
    before: await neighbourRow(task, query, before),
    after: await neighbourRow(task, query, after),
  }));
  const [rightBefore, rightAfter] = [rightShare(task, before), rightShare(task, after)];
  return { shown: await Promise.all(shown), perImage, rightBefore, rightAfter };
}

const isRight = ({ train, test }: ClassificationTask, query: number, index: number) =>
  train.label(index) === test.label(query);

function rightShare(task: ClassificationTask, { indices, k }: Neighbours): number {
  return indices.filter((index, place) => isRight(task, Math.floor(place / k), index)).length / indices.length;
}

/** The neighbours of one test picture, nearest first. */
function neighbourRow(task: ClassificationTask, query: number, { indices, similarities, k }: Neighbours): Promise<Neighbour[]> {
  return Promise.all(
    Array.from(indices.subarray(query * k, (query + 1) * k), async (index, rank) => ({
      ...(await picture(task.train, index)),
      similarity: similarities[query * k + rank]!,
      correct: isRight(task, query, index),
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
  const bytes = Buffer.from(await imageBytes(dataset.source(index)));
  return {
    image: `data:image/png;base64,${bytes.toString("base64")}`,
    label: dataset.classNames![dataset.label(index)!]!,
  };
}
