// `npm run curves -- --data SRC --out DIR NAME=RUN,RUN NAME=RUN,RUN`: runs of the same length, several seeds a name, in one figure and
// one table: DIR/curves.svg, DIR/curves.json. Runs are ours, or of the official code (`pretrain.py`).

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { atMost } from "@dinov2/data";
import { openTask } from "@dinov2/evaluation";
import { InputError, RandomStream, writeFileAtomic } from "@dinov2/foundation";
import { meanAndSpread, type Point, thin } from "@dinov2/report";
import { backendFromEnvironment, useBackend } from "@dinov2/tensor";
import { runTool } from "../run-tool.ts";
import { curveFigure } from "./curve-figure.ts";
import { type RunCurve, runCurve } from "./run-curve.ts";

/** So many points at most are drawn of a loss, means over neighbouring steps. */
const LOSS_POINTS = 60;

const options = {
  data: { type: "string" },
  out: { type: "string" },
  /** Of the images that vote and of those tested, along the way. */
  images: { type: "string", default: "10000" },
  "linear-steps": { type: "string", default: "12500" },
} as const;

function table(sides: Readonly<Record<string, readonly RunCurve[]>>): string {
  const cell = (values: readonly (number | undefined)[]) => {
    const known = values.filter((value) => value !== undefined);
    if (known.length === 0) return "–";
    const { mean, spread } = meanAndSpread(known);
    return `${(100 * mean).toFixed(2)} ± ${(100 * spread).toFixed(2)}`;
  };
  const rows = Object.entries(sides).map(([name, runs]) => {
    const last = cell(runs.map(({ knn }) => knn.at(-1)?.[1]));
    const all = [cell(runs.map(({ final }) => final?.knn)), cell(runs.map(({ final }) => final?.linear))];
    return `| ${[name, runs.length, last, ...all].join(" | ")} |`;
  });
  return ["| | seeds | k-NN, some images | k-NN, all images | linear, all images |", "|---|---|---|---|---|", ...rows].join("\n");
}

function sidesOf(named: readonly string[]): [name: string, runs: string[]][] {
  if (named.length === 0) throw new InputError("Expected NAME=RUN,RUN: what to call these runs, and their folders.");
  return named.map((text) => {
    const [name, runs, ...more] = text.split("=");
    if (!name || !runs || more.length > 0) throw new InputError(`"${text}" names no runs; expected NAME=RUN,RUN.`);
    return [name, runs.split(",")];
  });
}

await runTool(async () => {
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const { data, out } = values;
  if (data === undefined || out === undefined) throw new InputError("Expected --data SRC and --out DIR.");
  const named = sidesOf(positionals);
  await useBackend(backendFromEnvironment());
  const all = await openTask({ data, split: 0.2, seed: 0 });
  const random = RandomStream.fromSeed(0);
  const some = {
    train: atMost(all.train, Number(values.images), random.split("train")),
    test: atMost(all.test, Number(values.images), random.split("test")),
  };
  const measuring = { some, all, linearSteps: Number(values["linear-steps"]) };
  const sides: Record<string, RunCurve[]> = {};
  for (const [name, runs] of named) {
    for (const run of runs) (sides[name] ??= []).push(await runCurve(run, measuring, console.error));
  }
  const ofSides = (points: (run: RunCurve) => readonly Point[]) =>
    Object.fromEntries(Object.entries(sides).map(([name, runs]) => [name, runs.map(points)]));
  await mkdir(out, { recursive: true });
  await writeFileAtomic(join(out, "curves.json"), JSON.stringify(sides));
  const panels = [
    { title: "Loss", sides: ofSides(({ loss }) => thin(loss, LOSS_POINTS)) },
    { title: "k-NN accuracy, %", sides: ofSides(({ knn }) => knn.map(([step, share]) => [step, 100 * share] as const)) },
  ];
  await writeFileAtomic(join(out, "curves.svg"), curveFigure(panels));
  console.log(table(sides));
});
