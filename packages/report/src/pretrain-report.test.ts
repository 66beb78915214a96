import { describe, expect, it } from "vitest";
import { renderPretrainReport, type PretrainReport } from "./pretrain-report.ts";

const pixel = "data:image/png;base64,iVBORw0KGgo=";
const hostile = `"><script>alert('x')</script>`;

const metrics = Array.from({ length: 150 }, (_, i) => ({
  step: i + 1,
  // A step that was skipped has no loss.
  ...(i !== 70 && { total_loss: 10 - i / 50 }),
  dino_local_crops_loss: 8 - i / 50,
  ibot_loss: 2,
  other_term_loss: 0.1,
  learning_rate: i * 1e-5,
  ...(i % 50 === 0 && { knn_accuracy: i / 200, feature_rank: 1 + i / 10 }),
}));

const report: PretrainReport = {
  title: `Run ${hostile}`,
  facts: { Images: 3144, [hostile]: hostile },
  table: {
    caption: `Accuracy ${hostile}`,
    columns: [hostile, { name: "20 nearest", percent: true }, "Width"],
    rows: [
      [`pixels ${hostile}`, 0.412, 3072],
      ["untrained", { mean: 0.334, spread: 0.0123 }, 192],
      ["trained", { mean: 0.671, spread: 0.008 }, 192],
    ],
  },
  neighbours: [
    {
      query: { image: pixel, label: `query ${hostile}` },
      before: [{ image: pixel, label: `first ${hostile}`, similarity: 0.914, correct: false }],
      after: [
        { image: pixel, label: "second", similarity: 0.87, correct: true },
        { image: pixel, label: "third", similarity: -0.5, correct: false },
      ],
    },
  ],
  metrics,
};
const html = renderPretrainReport(report);
const text = html.replace(/<style>[\s\S]*?<\/style>/g, "").replace(/<[^>]*>/g, " ");

describe("a pretraining report", () => {
  it("loads nothing and runs nothing", () => {
    expect(html).not.toMatch(/https?:|src="(?!data:)|href="(?!#)|url\((?!#)|@import|<link|<script|<iframe/i);
    expect(html).toContain("default-src &#39;none&#39;");
  });

  it("escapes every string it is given", () => {
    expect(html).not.toContain("<script>");
    // Title twice, fact name and value, caption twice, column, row, query, label and its tooltip.
    expect(html.split("&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;")).toHaveLength(11 + 1);
  });

  it("contains every row of the table, numbers as mean ± spread, shares as percent", () => {
    expect(text).toMatch(/pixels.*\s41\.2 %\s+3072/);
    expect(text).toMatch(/untrained\s+33\.4 ± 1\.2 %/);
    expect(text).toMatch(/trained\s+67\.1 ± 0\.8 %/);
    expect(html.match(/<tr><th scope="row">/g)!.length).toBeGreaterThanOrEqual(3);
  });

  it("shows every neighbour with its similarity, and says right or wrong in words and signs", () => {
    expect(text).toMatch(/Before\s+0 of 1 right/);
    expect(text).toMatch(/After\s+1 of 2 right/);
    expect(text).toMatch(/✗\s+wrong:\s+first[\s\S]*0\.91/);
    expect(text).toMatch(/✓\s+right:\s+second\s+similarity\s+0\.87/);
    expect(text).toMatch(/✗\s+wrong:\s+third\s+similarity\s+−0\.50/);
  });

  it("draws a figure for each measure that the log has, named for what it is, unknown loss terms included", () => {
    const figures = [...html.matchAll(/<figcaption><strong>(.*?)<\/strong>/g)].map(([, name]) => name);
    expect(figures).toEqual([
      "k-NN accuracy",
      "Total (optimised)",
      "DINO, local crops",
      "iBOT, masked patches",
      "other term loss",
      "Directions that features use",
      "Learning rate",
    ]);
    expect(html.match(/<svg /g)).toHaveLength(7);
  });

  it("colours figures by the page's variables, so that they follow the colour scheme", () => {
    expect(html).toMatch(/<path[^>]*stroke="var\(--line\)"/);
    expect(html).toContain("@media (prefers-color-scheme: dark)");
    // What lies in <defs> is not painted.
    expect(html.replace(/<(style|defs)[\s\S]*?<\/\1>/g, "")).not.toMatch(/(?:stroke|fill)="(?:#|rgb)/);
  });

  it("gives the figures' numbers as tables too, first and last step included", () => {
    const losses = html.slice(html.indexOf("Losses as numbers"), html.indexOf("Schedules"));
    expect(losses).toMatch(/<th scope="row">1<\/th><td>10<\/td>/);
    expect(losses).toMatch(/<th scope="row">150<\/th><td>7\.02<\/td>/);
  });

  it("leaves out the parts without data", () => {
    const bare = renderPretrainReport({ title: "Nothing yet", metrics: [] });
    expect(bare).not.toMatch(/<section|<svg|<table/);
  });

  it("refuses an image that would have to be loaded", () => {
    const elsewhere = { image: "https://example.org/a.png", label: "a" };
    expect(() =>
      renderPretrainReport({ ...report, neighbours: [{ query: elsewhere, before: [], after: [] }] }),
    ).toThrow('must be data:image/… URIs, got "https://example.org/a.png"');
  });

  it("stays small for a long run: 50,000 lines make no more than 400 points a curve", () => {
    const long = Array.from({ length: 50_000 }, (_, i) => ({ step: i + 1, total_loss: 10 + Math.sin(i) }));
    expect(renderPretrainReport({ title: "Long", metrics: long }).length).toBeLessThan(60_000);
  });
});
