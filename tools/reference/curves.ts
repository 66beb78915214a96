// `npm run curves -- --data SRC --out DIR --ours RUN,RUN --reference RUN,RUN`: the same training by us and by the official code
// (`pretrain.py`), several seeds each, in one figure and one table: DIR/curves.svg, DIR/curves.json.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type ImageDataset, subset } from "@dinov2/data";
import { openTask } from "@dinov2/evaluation";
import { InputError, RandomStream, writeFileAtomic } from "@dinov2/foundation";
import { backendFromEnvironment, useBackend } from "@dinov2/tensor";
import { curveFigure, statistics } from "./curve-figure.ts";
import { type Point, type RunCurve, runCurve } from "./run-curve.ts";

/** Of the images that vote and of those tested, along the way. */
const SOME_IMAGES = 10_000;
/** Losses of so many neighbouring steps are drawn as one point. */
const LOSS_POINTS = 60;

const options = {
  data: { type: "string" },
  out: { type: "string" },
  ours: { type: "string" },
  reference: { type: "string" },
  "linear-steps": { type: "string", default: "12500" },
} as const;

const some = (dataset: ImageDataset, random: RandomStream): ImageDataset =>
  dataset.length <= SOME_IMAGES ? dataset : subset(dataset, random.permutation(dataset.length).slice(0, SOME_IMAGES).sort((a, b) => a - b));

function meansOf(points: readonly Point[]): Point[] {
  const size = Math.ceil(points.length / LOSS_POINTS);
  return Array.from({ length: Math.floor(points.length / size) }, (_, bin) => {
    const part = points.slice(bin * size, (bin + 1) * size);
    return [part.at(-1)![0], statistics(part.map(([, value]) => value))[0]] as const;
  });
}

function table(sides: Readonly<Record<string, readonly RunCurve[]>>): string {
  const cell = (values: readonly number[]) => {
    const [mean, deviation] = statistics(values);
    return `${(100 * mean).toFixed(2)} ± ${(100 * deviation).toFixed(2)}`;
  };
  const rows = Object.entries(sides).map(([side, runs]) => {
    const finals = runs.map(({ final }) => final);
    return `| ${side}, ${runs.length} seeds | ${cell(finals.map(({ knn }) => knn))} | ${cell(finals.map(({ linear }) => linear))} |`;
  });
  return ["| | k-NN | linear |", "|---|---|---|", ...rows].join("\n");
}

try {
  const { values } = parseArgs({ options });
  const { data, out, ours, reference } = values;
  if (data === undefined || out === undefined || ours === undefined) {
    throw new InputError("Expected --data SRC --out DIR --ours RUN,RUN, and --reference RUN,RUN where there are such.");
  }
  await useBackend(backendFromEnvironment());
  const all = await openTask({ data, split: 0.2, seed: 0 });
  const random = RandomStream.fromSeed(0);
  const few = { train: some(all.train, random.split("train")), test: some(all.test, random.split("test")) };
  const sides: Record<string, RunCurve[]> = {};
  for (const [side, folders] of Object.entries({ ours, "official code": reference })) {
    for (const folder of folders?.split(",") ?? []) {
      const measuring = { some: few, all, linearSteps: Number(values["linear-steps"]) };
      (sides[side] ??= []).push(await runCurve(folder, measuring, console.error));
    }
  }
  const ofSides = (points: (run: RunCurve) => readonly Point[]) =>
    Object.fromEntries(Object.entries(sides).map(([side, runs]) => [side, runs.map(points)]));
  await mkdir(out, { recursive: true });
  await writeFileAtomic(join(out, "curves.json"), JSON.stringify(sides));
  const panels = [
    { title: "Loss", sides: ofSides(({ loss }) => meansOf(loss)) },
    { title: "k-NN accuracy, %", sides: ofSides(({ knn }) => knn.map(([step, share]) => [step, 100 * share] as const)) },
  ];
  await writeFileAtomic(join(out, "curves.svg"), curveFigure(panels));
  console.log(table(sides));
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
