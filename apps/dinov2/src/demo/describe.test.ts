import { describe, expect, it } from "vitest";
import { accuracyTable, bestFeatures, describeEngine, verdict } from "./describe.ts";
import type { SeedResult } from "./run-demo.ts";

const features = (classToken: number, meanPatch: number, both: number) =>
  ({ "class token": classToken, "mean patch token": meanPatch, both });

const seed = (number: number, pixels: number, untrained: number, trained: number): SeedResult => ({
  seed: number,
  run: `seed-${number}`,
  manifest: `splits/seed-${number}.csv`,
  trainImages: 70,
  testImages: 30,
  accuracy: { commonest: 0.2, pixels, untrained: features(0.1, untrained, 0.3), trained: features(trained, 0.45, 0.48) },
  trainingSeconds: 1,
});
const result = { seeds: [seed(0, 0.56, 0.4, 0.55), seed(1, 0.5, 0.44, 0.54)] };

describe("the demo's words", () => {
  it("judge each network by its own best feature", () => {
    expect(bestFeatures(result)).toEqual({ untrained: "mean patch token", trained: "class token" });
  });

  it("say by how much training wins on average and on the worst seed, and that pixels win where they do", () => {
    const [, gain, pixels] = verdict(result);
    expect(gain).toContain("+12.5 points on average, +10.0 on the worst seed");
    expect(pixels).toContain("+1.5 points on average, -1.0 on the worst seed");
    expect(verdict({ seeds: [seed(0, 0.6, 0.4, 0.55)] })[2]).toContain("-5.0 points");
  });

  it("put every contender into the table, each seed and their mean", () => {
    const lines = accuracyTable(result).split("\n");
    expect(lines[0]).toMatch(/^ +seed 0 +seed 1 +mean ± sd$/);
    expect(lines[2]).toMatch(/^raw pixels, 16 x 16 +56\.0 +50\.0 +53\.0 ± 4\.2$/);
    expect(lines).toHaveLength(9);
  });
});

describe("describeEngine", () => {
  const wasm = { name: "wasm", engine: "WebAssembly", device: "cpu", threads: 2, precision: "fp32" };

  it("names the engine, and what would be faster where that is missing", () => {
    expect(describeEngine(wasm, undefined)).toBe("Backend wasm (WebAssembly), 2 threads.");
    expect(describeEngine({ ...wasm, note: "Runs on one thread." }, undefined)).toBe("Backend wasm (WebAssembly), 2 threads.\nRuns on one thread.");
    expect(describeEngine(wasm, "its addon is not built; npm run build:native builds it")).toBe(
      "Backend wasm (WebAssembly), 2 threads.\nLibTorch would train about 1.6 times as fast: its addon is not built; npm run build:native builds it.",
    );
  });
});
