import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { encodePng, type ImageDataset } from "@dinov2/data";
import { useBackend } from "@dinov2/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pixelBackbone } from "./backbone.ts";
import type { Detail } from "./details.ts";
import type { Measurement } from "./evaluator.ts";
import { logisticEvaluator } from "./logistic/index.ts";
import { fingerprint, openTask } from "./task.ts";

let folder: string;
beforeAll(async () => {
  await useBackend({ name: "cpu" });
  folder = await mkdtemp(join(tmpdir(), "dinov2-published-"));
});
afterAll(() => rm(folder, { recursive: true }));

const put = async (files: Readonly<Record<string, string | Uint8Array>>) => {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
};
const names = (images: ImageDataset) => Array.from({ length: images.length }, (_, i) => images.name(i));
const options = { split: 0.2, seed: 0 };

describe("openTask of a set that is known by name", () => {
  it("trains on training and validation images, and says which are the latter", async () => {
    const lists = { train: "a/a_1\nb/b_1", val: "b/b_2\na/a_2", test: "a/a_3\nb/b_3" };
    await put(Object.fromEntries(Object.entries(lists).map(([side, lines]) => [`dtd/labels/${side}1.txt`, lines.replaceAll(/$/gm, ".jpg")])));
    await put(Object.fromEntries(Object.values(lists).flatMap((lines) => lines.split("\n").map((name) => [`dtd/images/${name}.jpg`, ""]))));
    const { train, test, selectionImages, metric } = await openTask({ ...options, data: `dtd:${folder}` });
    expect(names(train)).toEqual(["a/a_1", "b/b_1", "b/b_2", "a/a_2"].map((name) => `images/${name}.jpg`));
    expect(names(test)).toEqual(["images/a/a_3.jpg", "images/b/b_3.jpg"]);
    expect([selectionImages, metric]).toEqual([Int32Array.of(2, 3), "top1"]);
    expect((await openTask({ ...options, data: `dtd:${folder}`, metric: "meanPerClass" })).metric).toBe("meanPerClass");
  });

  it("draws 30 images of each of Caltech-101's classes by the seed", async () => {
    for (const [name, count] of [["ant", 31], ["bass", 40]] as const) {
      await put(Object.fromEntries(Array.from({ length: count }, (_, i) => [`101_ObjectCategories/${name}/image_${String(i).padStart(4, "0")}.jpg`, ""])));
    }
    const open = (seed: number) => openTask({ ...options, seed, data: `caltech101:${folder}` });
    const { train, test, metric } = await open(0);
    const counts = ["ant", "bass"].map((name) => names(train).filter((path) => path.startsWith(name)).length);
    expect([counts, test.length, metric]).toEqual([[30, 30], 11, "meanPerClass"]);
    expect(new Set([...names(train), ...names(test)]).size).toBe(71);
    const prints = await Promise.all([0, 0, 1].map(async (seed) => fingerprint(await open(seed))));
    expect([prints[0] === prints[1], prints[0] === prints[2]]).toEqual([true, false]);
  });

  it("refuses other images to test on, and several classes an image where they cannot be measured", async () => {
    await expect(openTask({ ...options, data: `dtd:${folder}`, testData: folder })).rejects.toThrow(/has images to test on; leave --test-data out/);
    await putVoc();
    await expect(openTask({ ...options, data: `voc2007:${folder}` })).rejects.toThrow(/may show several classes at once, which dinov2 benchmark logistic alone measures/);
  });
});

const classes = "aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant sheep sofa train tvmonitor".split(" ");
const side = 8;
/** What each image shows: class k where bit k % 3 of its number is 1. */
const shows = (image: number, k: number) => ((image >> (k % 3)) & 1) === 1;

/** One colour, whatever the file is named: what a file is, its bytes say. */
const picture = (rgb: readonly number[]) => encodePng({ width: 4, height: 4, data: Uint8Array.from({ length: 48 }, (_, i) => rgb[i % 3]!) });

/** Red, green and blue say bits 0, 1 and 2. Image 000017, a test image, is said to show no aeroplane though it looks so. */
async function putVoc(difficult = false): Promise<void> {
  for (const [s, name] of ["train", "val", "test"].entries()) {
    const ids = Array.from({ length: side }, (_, i) => s * side + i);
    for (const [k, className] of classes.entries()) {
      const target = (image: number) => {
        if (name === "test" && k === 0 && image === 2 * side + 1) return difficult ? " 0" : "-1";
        return shows(image, k) ? " 1" : "-1";
      };
      await put({ [`VOC2007/ImageSets/Main/${className}_${name}.txt`]: ids.map((id) => `${String(id).padStart(6, "0")} ${target(id)}\n`).join("") });
    }
    for (const id of ids) {
      const dim = id === 2 * side + 1 ? 255 : 200; // that image is the surest of all
      await put({ [`VOC2007/JPEGImages/${String(id).padStart(6, "0")}.jpg`]: await picture([0, 1, 2].map((bit) => (shows(id, bit) ? dim : 40))) });
    }
  }
}

describe("logistic regression of images that may show several classes", () => {
  async function run(): Promise<{ readonly rows: Map<string, Measurement>; readonly details: Detail[] }> {
    const task = await openTask({ ...options, data: `voc2007:${folder}`, severalClasses: true });
    const [rows, details]: [Map<string, Measurement>, Detail[]] = [new Map(), []];
    const found = (detail: Detail) => void details.push(detail);
    for await (const row of logisticEvaluator({ cs: [0.01, 1] }).run(pixelBackbone(2), { task, seed: 0, found })) rows.set(row.metric, row);
    return { rows, details };
  }

  it("is the mean over classes of average precision over 11 recalls, with a classifier each", async () => {
    await putVoc();
    const { rows, details } = await run();
    // 4 of 8 test images look as if they showed an aeroplane, and the surest of them is said not to: precisions at the three right
    // ones are 1/2, 2/3 and 3/4, of which the last counts at every recall.
    const [perClass] = details.flatMap((detail) => (detail.detail === "perClass" ? [detail] : []));
    expect(perClass).toMatchObject({ of: "logistic", measure: "average precision" });
    expect(Array.from(perClass!.values, (value) => Math.round(value * 1e9) / 1e9)).toEqual([3 / 4, ...Array<number>(19).fill(1)]);
    expect(rows.get("logistic.mAP")!.value).toBeCloseTo((3 / 4 + 19) / 20, 9);
    expect(rows.get("logistic.mAP")!.note).toMatch(/^C (0\.0100|1\.00), the best of 2 by mAP on the set's own images to select on/);
    expect(rows.get("logistic.heldout")!.value).toBe(1);
  });

  it("does not count what is difficult", async () => {
    await putVoc(true);
    expect((await run()).rows.get("logistic.mAP")!.value).toBe(1);
  });
});
