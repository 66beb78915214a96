import { describe, expect, it } from "vitest";
import { compareWithBaseline, readBaseline } from "./baseline.ts";
import { renderBenchmarkReport } from "./benchmark-report.ts";
import { renderMarkdown } from "./markdown.ts";
import { sampleResults } from "./testing.ts";

const dot = "data:image/png;base64,AAAA";
const pictures = new Map(["neighbours/test-3.jpg", "neighbours/train-7.jpg", "overlays/a.png"].map((file) => [file, dot]));
const loaded = { name: "knn-mine", results: sampleResults(), pictures };
const html = renderBenchmarkReport({ title: "Mine", results: [loaded] });
const text = html.replace(/<style>[\s\S]*?<\/style>/, "").replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");

const imagenet = (change: object) => sampleResults({ data: { ...sampleResults().data, source: "imagenet:IN1k", classes: 1000, testImages: 50_000, ...change } });
const pageOf = (results: ReturnType<typeof sampleResults>) => renderBenchmarkReport({ title: "a", results: [{ ...loaded, results }] });

describe("a page of benchmarks", () => {
  it("loads nothing and runs nothing", () => {
    expect(html).not.toMatch(/https?:|src="(?!data:)|href="(?!#)|url\((?!#)|<script| on\w+=/);
  });

  it("shows metrics, confusion, classes, neighbours and pictures", () => {
    expect(text).toContain("runs/mine 75.0 % 100.0 % 50.0 % 100.0 %");
    expect(html).toContain('<td class="hit" style="--share: 0.500">1</td>');
    expect(text).toMatch(/the mean over classes is 75\.0 %\. class accuracy red 50\.0 % blue 100\.0 %/);
    expect(text).toMatch(/Nearest 0 of 1 right ✗ wrong: blue similarity 0\.91/);
    expect(html).toContain('alt="a: a cat beside a wall"');
    expect(html).toContain("of &lt;all&gt; images");
  });

  it("has headings that skip no level, and regions for the keyboard with names", () => {
    const levels = [...html.matchAll(/<h(\d)/g)].map(([, level]) => Number(level));
    levels.forEach((level, i) => expect(level).toBeLessThanOrEqual((levels[i - 1] ?? 0) + 1));
    for (const [region] of html.matchAll(/<div class="scroll"[^>]*>/g)) expect(region).toMatch(/tabindex="0" role="region" aria-label="[^"]+"/);
  });

  it("has the mean over classes in its first table where the set is reported by it", () => {
    const page = (protocol: object) => pageOf(sampleResults({ metrics: { "k1.top1": 0.5, "k1.mean_per_class": 0.25 }, protocol: { ...protocol } }));
    expect(page({ metric: "top1" })).not.toMatch(/<th scope="col"[^>]*>k1\.mean_per_class/);
    expect(page({ metric: "mean-per-class" })).toMatch(/<th scope="col"[^>]*>k1\.mean_per_class/);
  });

  it("shows published numbers beside all of the same data alone", () => {
    expect(pageOf(imagenet({}))).toMatch(/Published by the authors of DINOv2, not measured here, on ImageNet-1k[\s\S]*ViT-S\/14<\/th><td>79\.0 %/);
    for (const other of [{ source: "photos" }, { testImages: 5000 }, { classes: 100 }, { tests: [{ source: "imagenet-x:X", images: 50_000 }] }]) expect(pageOf(imagenet(other))).not.toContain("Published by");
  });

  it("shows them for every set that was tested on, of classifiers that learnt from the same", () => {
    const tests = [{ source: "imagenet:I:split=val", images: 50_000 }, { source: "imagenet-v2:V", name: "imagenet-v2", images: 10_000 }];
    const page = (change: object) => pageOf({ ...imagenet({ tests, ...change }), benchmark: "linear" });
    expect(page({})).toMatch(/on ImageNet-1k[\s\S]*81\.1 %[\s\S]*on ImageNet-V2\. Source: arXiv 2304\.07193, Table 4[\s\S]*70\.9 %/);
    expect(page({ source: "photos" })).not.toContain("Published by");
  });

  it("refuses a picture that was not read", () => {
    expect(() => renderBenchmarkReport({ title: "a", results: [{ ...loaded, pictures: new Map() }] })).toThrow(RangeError);
  });
});

describe("a baseline", () => {
  const baseline = (metrics: object, change: object = {}) =>
    readBaseline(JSON.stringify({ schema: 1, source: "a command", folders: { "knn-mine": { fingerprint: "ab".repeat(32), metrics, ...change } } }), "b.json");

  it("tells what is worse than its band from what is within or better", () => {
    const rows = compareWithBaseline(baseline({
      "k10.top1": { value: 0.76, band: 0.02 }, "k20.top1": { value: 0.6, band: 0.05 }, "k20.top5": { value: 0.9, band: 0.05 },
    }), [loaded]);
    expect(rows.map(({ row, verdict }) => [row, verdict])).toEqual(
      [["knn-mine k10.top1", "within"], ["knn-mine k20.top1", "worse"], ["knn-mine k20.top5", "better"]]);
    expect(renderMarkdown({ title: "a", results: [loaded], baseline: rows })).toContain(
      "| knn-mine k20.top1 | 60.0 % ± 5.0 % | 50.0 % | −10.0 % | WORSE than its band |");
  });

  it("takes a higher error for worse, and what is no number too", () => {
    const results = sampleResults({ metrics: { "image.rmse": 0.5, "k1.top1": NaN } });
    const rows = compareWithBaseline(baseline({ "image.rmse": { value: 0.4, band: 0.05 }, "k1.top1": { value: 0, band: 1 } }), [{ name: "knn-mine", results }]);
    expect(rows.map(({ verdict }) => verdict)).toEqual(["worse", "worse"]);
  });

  it("shows a speed of a tenth, and does not fail it", () => {
    const rows = compareWithBaseline(baseline({}, { imagesPerSecond: 20 }), [loaded]); // 16 images in 8 s
    expect(rows).toEqual([{ row: "knn-mine images/s", expected: 20, value: 2, verdict: "shown" }]);
  });

  it("is not compared with other data, with a missing metric or a missing folder", () => {
    expect(() => compareWithBaseline(baseline({}, { fingerprint: "other" }), [loaded])).toThrow("other data");
    expect(() => compareWithBaseline(baseline({ "k9.top1": { value: 0, band: 0 } }), [loaded])).toThrow("no metric k9.top1");
    expect(() => compareWithBaseline(baseline({}), [])).toThrow("no folder of that name");
  });

  it("names the file and the field that do not fit", () => {
    expect(() => baseline({ "k1.top1": { value: 0.5 } })).toThrow("b.json: folders.knn-mine.metrics.k1.top1.band is nothing; expected a number.");
  });
});
