import type { BenchmarkResults } from "./results.ts";

/** A result as a benchmark of two classes writes it, for tests. */
export const sampleResults = (change: Partial<BenchmarkResults> = {}): BenchmarkResults => ({
  schema: 1,
  benchmark: "knn",
  metrics: { "k10.top1": 0.75, "k10.top5": 1, "k20.top1": 0.5, "k20.top5": 1 },
  notes: { "k10.top1": "of <all> images" },
  model: { source: "runs/mine", untrained: false, width: 192 },
  data: {
    source: "photos", origin: "folders train and val", classes: 2, trainImages: 12, testImages: 4, fingerprint: "ab".repeat(32), skipped: [],
  },
  protocol: { ks: [10, 20], temperature: 0.07, cropSize: 224 },
  seed: 0,
  backend: { name: "wasm", threads: 2 },
  versions: { node: "20.20.2", sharp: "0.35.5" },
  seconds: 8,
  finishedAt: "2026-01-02T03:04:05.000Z",
  details: {
    confusion: [{ of: "k10", classNames: ["blue", "red"], counts: [[2, 0], [1, 1]] }],
    perClass: [{ of: "k10", measure: "accuracy", classNames: ["blue", "red"], values: [1, 0.5] }],
    neighbours: [{
      of: "1 nearest",
      query: { index: 3, name: "red/3.png", className: "red", file: "neighbours/test-3.jpg" },
      neighbours: [{ index: 7, name: "blue/7.png", className: "blue", file: "neighbours/train-7.jpg", similarity: 0.91 }],
    }],
    pictures: [{ file: "overlays/a.png", folder: "overlays", name: "a", caption: "a cat beside a wall" }],
  },
  ...change,
});
