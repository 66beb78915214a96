// The report as a reader sees it: in a browser, at two widths, light and dark. The browser is the system's own.

import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium, type Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dinov2 } from "./command-line.ts";
import { createFixtures } from "./fixtures.ts";

const browserPath = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
  .find((path) => path !== undefined && existsSync(path));

describe("dinov2 report", () => {
  let root: string;
  beforeAll(async () => {
    root = await createFixtures();
    const { code, stderr } = await dinov2(
      ["benchmark", "knn", "--backend", "cpu", "--model", "pixels", "--data", "sides", "--out", "knn", "--ks", "1,3"], root);
    expect(code, stderr).toBe(0);
  });
  afterAll(() => rm(root, { recursive: true }));

  it("fails with the row that is worse than a baseline, after it wrote the page", async () => {
    const { data } = JSON.parse(await readFile(join(root, "knn/results.json"), "utf8")) as { data: { fingerprint: string } };
    const metrics = { "k1.top1": { value: 1, band: 0.1 }, "k3.top1": { value: 1.2, band: 0.1 } };
    const baseline = { schema: 1, source: "this test", folders: { knn: { fingerprint: data.fingerprint, metrics, imagesPerSecond: 1e9 } } };
    await writeFile(join(root, "baseline.json"), JSON.stringify(baseline));
    const { code, stderr } = await dinov2(["report", "knn", "--out", "compared.html", "--baseline", "baseline.json"], root);
    expect([code, stderr.split("\n")[0]]).toEqual(
      [1, "dinov2: Worse than baseline.json: knn k3.top1 is 1.0000, expected 1.2 ± 0.1."]);
    expect(await readFile(join(root, "compared.html"), "utf8")).toContain("1 of 3 rows are worse by more than noise.");
  });

  it("writes a page with pictures inside, and a short form", async () => {
    const { code, stdout } = await dinov2(["report", "knn", "--out", "report.html", "--markdown", "report.md"], root);
    expect([code, stdout]).toEqual([0, "1 benchmark and 0 runs, written to report.html\n"]);
    expect(await readFile(join(root, "report.html"), "utf8")).toContain('src="data:image/jpeg;base64,');
    expect(await readFile(join(root, "report.md"), "utf8")).toContain("| knn | knn | pixels | k1.top1 100.0 %");
  });

  it("names a folder that holds neither results nor a run", async () => {
    const { code, stderr } = await dinov2(["report", "sides", "--out", "none.html"], root);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^dinov2: sides has no results\.json and no metrics\.jsonl; give folders .*\n$/)]);
    expect(existsSync(join(root, "none.html"))).toBe(false);
  });

  describe.skipIf(browserPath === undefined)("in a browser (skipped where there is no Chromium; CHROMIUM names one)", () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await chromium.launch({ executablePath: browserPath!, args: ["--no-sandbox"] });
    });
    afterAll(() => browser.close());

    it.each([390, 1280].flatMap((width) => (["light", "dark"] as const).map((scheme) => [width, scheme] as const)))(
      "fits %i pixels in %s, without an error",
      async (width, colorScheme) => {
        const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
        const complaints: string[] = [];
        page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
        page.on("pageerror", (error) => complaints.push(error.message));
        await page.goto(pathToFileURL(join(root, "report.html")).href);
        const shots = process.env.DINOV2_SCREENSHOTS ?? join(root, "shots");
        await mkdir(shots, { recursive: true });
        await page.screenshot({ path: join(shots, `report-${width}-${colorScheme}.png`), fullPage: true });
        expect(complaints).toEqual([]);
        expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
        expect(await page.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")).toBe(true);
        const background = await page.evaluate("getComputedStyle(document.body).backgroundColor");
        expect(background).toBe(colorScheme === "dark" ? "rgb(20, 22, 26)" : "rgb(251, 251, 250)");
        await page.keyboard.press("Tab");
        expect(await page.evaluate("document.activeElement.className")).toBe("skip");
        await page.close();
      },
    );
  });
});
