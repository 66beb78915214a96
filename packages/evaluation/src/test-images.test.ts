import type { ImageDataset } from "@dinov2/data";
import { useBackend } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import type { FrozenBackbone } from "./backbone.ts";
import type { Detail } from "./details.ts";
import type { ClassificationTask, Evaluator } from "./evaluator.ts";
import { knnEvaluator } from "./knn-evaluator.ts";
import { linearEvaluator } from "./linear-evaluator.ts";
import { logisticEvaluator } from "./logistic/logistic-evaluator.ts";
import type { TestImages } from "./test-images.ts";

type Point = readonly [number, number];
const points = new Map<ImageDataset, readonly Point[]>();

/** Images whose features are these points. */
function images(of: readonly (readonly [label: number | undefined, point: Point])[], more: Partial<TestImages> = {}): TestImages {
  const dataset = { length: of.length, name: String, label: (i: number) => of[i]![0], source: String, ...more };
  points.set(dataset, of.map(([, point]) => point));
  return dataset;
}

const backbone: FrozenBackbone = { name: "points", width: 2, imageSizes: { resizeSize: 1, cropSize: 1 }, imageFeatures: (input) => input as never };
const store = {
  features: (_: FrozenBackbone, dataset: ImageDataset) => {
    const values = Float32Array.from(points.get(dataset)!.flat());
    return Promise.resolve({ features: { count: dataset.length, width: 2, values }, rows: Int32Array.from({ length: dataset.length }, (_, i) => i) });
  },
} as never;

const corners: readonly Point[] = [[1, 0], [0, 1], [-1, -1]];
const train = images(Array.from({ length: 30 }, (_, i) => [i % 3, corners[i % 3]!] as const));
/** Class 0 is the nearest, class 1 the next. */
const between: Point = [0.9, 0.6];

async function run(evaluator: Evaluator, task: Omit<ClassificationTask, "train">) {
  const details: Detail[] = [];
  const [metrics, notes]: [Record<string, number>, Record<string, string>] = [{}, {}];
  const found = (detail: Detail) => void details.push(detail);
  for await (const { metric, value, note } of evaluator.run(backbone, { task: { train, ...task }, seed: 0, store, found })) {
    metrics[metric] = value;
    if (note !== undefined) notes[metric] = note;
  }
  return { metrics, notes, details };
}

const evaluators: [row: string, Evaluator][] = [
  ["k30", knnEvaluator({ ks: [30], temperature: 1 })],
  ["linear", linearEvaluator({ steps: 60, learningRates: [1], trainBatch: 16 })],
  ["logistic", logisticEvaluator({ cs: [1], heldOutShare: 0.3 })],
];

describe.each(evaluators)("%s", (row, evaluator) => {
  beforeAll(() => useBackend({ name: "cpu" }));

  it("answers only the classes that may be answered, in every test set by itself", async () => {
    const restricted = images([[1, between], [2, corners[2]!]], { among: Int32Array.of(1, 2), scoring: "only 2 classes" });
    const free = images([[1, between], [2, corners[2]!]]);
    const { metrics, notes, details } = await run(evaluator, { test: free, furtherTests: [{ name: "hard", images: restricted }] });
    expect([metrics[`${row}.top1`], metrics[`hard/${row}.top1`], metrics[`hard/${row}.mean_per_class`]]).toEqual([1 / 2, 1, 1]);
    expect(notes[`hard/${row}.top1`]).toMatch(/(^|; )only 2 classes$/);
    expect(notes[`${row}.top1`] ?? "").not.toContain("only");
    const mixed = details.flatMap((detail) => (detail.detail === "confusion" ? [[...detail.counts]] : []));
    expect(mixed).toEqual([[0, 0, 0, 1, 0, 0, 0, 0, 1], [0, 0, 0, 0, 1, 0, 0, 0, 1]]);
  });

  it("takes any of several right classes, and leaves out what has none", async () => {
    const right = [[1, 0], [], [1, 2], [2]];
    const several = images([[1, between], [undefined, between], [1, between], [2, corners[2]!]], { rightClasses: (i) => right[i]!, leftOut: 1, scoring: "several" });
    const { metrics, notes, details } = await run(evaluator, { test: several });
    expect(metrics[`${row}.top1`]).toBe(2 / 3);
    expect(Object.keys(metrics).filter((metric) => metric.endsWith("mean_per_class"))).toEqual([]);
    expect(notes[`${row}.top1`]).toMatch(/several$/);
    expect(details.filter(({ detail }) => detail === "confusion" || detail === "perClass")).toEqual([]);
  });
});

it("further test sets are of the head that is selected on the first", async () => {
  const [first, second] = [images([[0, corners[0]!]]), images([[1, corners[0]!]])];
  const { metrics, notes } = await run(linearEvaluator({ steps: 60, learningRates: [1e-6, 1], trainBatch: 16 }), { test: first, furtherTests: [{ name: "other", images: second }] });
  const [, head] = /^head (\S+),/.exec(notes["linear.top1"]!)!;
  expect(notes["other/linear.top1"]).toBe(`head ${head!}, that of linear.top1`);
  expect([metrics["linear.top1"], metrics["other/linear.top1"]]).toEqual([1, 0]);
});
