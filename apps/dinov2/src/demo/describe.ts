// What the demo says at its end: the table, what beats what by how much, and where to go on.
import { join, relative } from "node:path";
import { announceBackend, formatDuration, formatTable, type RunningBackend } from "@dinov2/cli";
import { meanAndSpread } from "@dinov2/report";
import { featureNames, votingNeighbours, type FeatureName } from "./measure.ts";
import type { DemoResult, SeedResult } from "./run-demo.ts";

type Accuracy = SeedResult["accuracy"];

/** The rows of the table: a name, and the accuracy of each seed. */
export const contenders: readonly { readonly name: string; readonly of: (accuracy: Accuracy) => number }[] = [
  { name: "always the commonest category", of: ({ commonest }) => commonest },
  { name: "raw pixels, 16 x 16", of: ({ pixels }) => pixels },
  ...featureNames.map((feature) => ({ name: `untrained, ${feature}`, of: ({ untrained }: Accuracy) => untrained[feature] })),
  ...featureNames.map((feature) => ({ name: `trained, ${feature}`, of: ({ trained }: Accuracy) => trained[feature] })),
];

/** The table of accuracies as plain text, at most 80 columns for up to three seeds. */
export function accuracyTable({ seeds }: Pick<DemoResult, "seeds">): string {
  const head = ["", ...seeds.map(({ seed }) => `seed ${seed}`), ...(seeds.length > 1 ? ["mean ± sd"] : [])];
  const rows = contenders.map(({ name, of }) => {
    const values = seeds.map(({ accuracy }) => of(accuracy));
    const { mean, spread } = meanAndSpread(values);
    return [name, ...values.map(percent), ...(seeds.length > 1 ? [`${percent(mean)} ± ${percent(spread)}`] : [])];
  });
  return formatTable([head, ...rows], ["left", ...head.slice(1).map(() => "right" as const)]);
}

const percent = (share: number) => (100 * share).toFixed(1);

/**
 * The feature by which each network is judged: that with the highest mean over the seeds, so that the untrained network is
 * not set up to lose. Its class token has hardly seen the picture.
 */
export function bestFeatures({ seeds }: Pick<DemoResult, "seeds">): { untrained: FeatureName; trained: FeatureName } {
  const best = (network: "untrained" | "trained") => {
    const mean = (feature: FeatureName) => meanAndSpread(seeds.map(({ accuracy }) => accuracy[network][feature])).mean;
    return featureNames.reduce((first, second) => (mean(second) > mean(first) ? second : first));
  };
  return { untrained: best("untrained"), trained: best("trained") };
}

/** What the table says, a sentence a line. */
export function verdict({ seeds }: Pick<DemoResult, "seeds">): string[] {
  const { untrained, trained } = bestFeatures({ seeds });
  const gains = seeds.map(({ accuracy }) => accuracy.trained[trained] - accuracy.untrained[untrained]);
  const overPixels = seeds.map(({ accuracy }) => accuracy.trained[trained] - accuracy.pixels);
  return [
    `By the best feature of each, trained (${trained}) and untrained (${untrained}):`,
    `  trained against untrained   ${difference(gains)}`,
    `  trained against raw pixels  ${difference(overPixels)}`,
  ];
}

/** "+12.3 points on average, +10.9 on the worst seed." */
function difference(values: readonly number[]): string {
  const signed = (share: number) => `${share < 0 ? "-" : "+"}${percent(Math.abs(share))}`;
  if (values.length === 1) return `${signed(values[0]!)} points.`;
  return `${signed(meanAndSpread(values).mean)} points on average, ${signed(Math.min(...values))} on the worst seed.`;
}

/** What the numbers are of: one sentence each. */
export function setting({ images, categories, seeds, steps, batchSize, backboneParameters }: DemoResult): string[] {
  const { trainImages, testImages } = seeds[0]!;
  return [
    `${images} emoji renders in ${categories} categories; about ${trainImages} to learn from, ${testImages} to test on.`,
    "No concept is on both sides: the test's things were never seen, nor their variants.",
    `Trained without labels on the train side: ${steps} steps of ${batchSize}, ${millions(backboneParameters)} parameters.`,
    `Accuracy in %: weighted k-NN, k = ${votingNeighbours}; labels score, they do not train.`,
  ];
}

const millions = (count: number) => `${(count / 1e6).toFixed(2)} million`;

/** As it can be typed here: relative inside the working folder, else as it was given. */
function shortPath(path: string): string {
  const inside = relative(process.cwd(), path);
  return inside.startsWith("..") ? path : inside;
}

/** Everything for a terminal. */
export function describe(result: DemoResult): string {
  const here = (path: string) => shortPath(join(result.out, path));
  const { run, manifest } = result.seeds[0]!;
  return [
    ...setting(result),
    "",
    accuracyTable(result),
    "",
    ...verdict(result),
    "",
    `${formatDuration(result.seconds)} in all. Open ${here(result.report)}, or go on with:`,
    `  npx dinov2 benchmark knn --model ${here(run)} --data ${here(manifest)} \\`,
    `    --resize ${result.imageSize} --out ${here("knn")}`,
    `  npx dinov2 extract --model ${here(run)} --images ${here("images")} \\`,
    `    --resize ${result.imageSize} --out ${here("features.safetensors")}`,
  ].join("\n");
}

/** The engine that runs. `withoutLibtorch` says why LibTorch cannot, where it would have been taken. */
export function describeEngine(backend: RunningBackend, withoutLibtorch: string | undefined): string {
  const line = announceBackend(backend);
  // `npm run bench -- step`, on two cores: 1.5 to 1.9 times.
  return withoutLibtorch === undefined ? line : `${line}\nLibTorch would train about 1.6 times as fast: ${withoutLibtorch}.`;
}
