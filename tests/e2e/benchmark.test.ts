import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dinov2, dinov2Json } from "./command-line.ts";
import { createFixtures } from "./fixtures.ts";

interface BenchmarkResult {
  readonly written: string;
  readonly metrics: Readonly<Record<string, number>>;
  readonly notes: Readonly<Record<string, string>>;
  readonly data: { readonly trainImages: number; readonly testImages: number; readonly origin: string; readonly fingerprint: string };
  readonly protocol: Readonly<Record<string, unknown>>;
}

describe("dinov2 benchmark knn", () => {
  let root: string;
  beforeAll(async () => (root = await createFixtures()));
  afterAll(() => rm(root, { recursive: true }));

  const knn = (...words: string[]) => dinov2Json<BenchmarkResult>(["benchmark", "knn", "--backend", "cpu", ...words], root);

  it("tells two colours apart by pixels, and writes what it prints", async () => {
    const { written, ...result } = await knn("--model", "pixels", "--data", "sides", "--out", "results/pixels", "--ks", "1,3");
    expect(result.metrics).toEqual(
      { "k1.top1": 1, "k1.top5": 1, "k1.mean_per_class": 1, "k3.top1": 1, "k3.top5": 1, "k3.mean_per_class": 1 });
    expect(result.data).toMatchObject({ trainImages: 12, testImages: 6, origin: "folders train and val" });
    expect(JSON.parse(await readFile(join(root, written), "utf8"))).toEqual(result);
  });

  it("splits one labelled set by class and seed, and prints a table", async () => {
    const words = ["benchmark", "knn", "--model", "model.safetensors", "--data", "colours", "--out", "results/split"];
    const { code, stdout } = await dinov2([...words, "--backend", "cpu", "--split", "0.25", "--ks", "5"], root);
    expect(code).toBe(0);
    expect(stdout).toMatch(/18 train and 6 test images in 2 classes\n\(random 0\.25 of each class to test on, seed 0\)/);
    expect(stdout).toMatch(/ +top1 +top5 +mean_per_class\nk5 +(\d+\.\d %) +100\.0 % +\1\n/);
    const result = JSON.parse(await readFile(join(root, "results/split/results.json"), "utf8")) as BenchmarkResult;
    expect(result.protocol).toMatchObject({ ks: [5], temperature: 0.07, cropSize: 32, resizeSize: 37 });
    expect(result.data.fingerprint).toMatch(/^[0-9a-f]{64}$/);
  });

  it("takes a model's weights, or with --untrained its architecture alone", async () => {
    const blind = ["--model", "blind.safetensors", "--data", "sides", "--ks", "1"];
    expect((await knn(...blind, "--out", "results/blind")).metrics["k1.top1"]).toBe(0.5);
    expect((await knn(...blind, "--untrained", "--out", "results/fresh")).metrics["k1.top1"]).toBe(1);
  });

  it("keeps groups of a manifest together, or takes its split column", async () => {
    const rows = Array.from({ length: 24 }, (_, i) => {
      const colour = i < 12 ? "blue" : "red";
      return `colours/${colour}/${i % 12}.png,${colour},${colour}-${i % 3}`;
    });
    await writeFile(join(root, "groups.csv"), ["path,label,group", ...rows].join("\n"));
    await writeFile(
      join(root, "split.csv"),
      ["path,label,split", ...rows.map((row, i) => row.replace(/,[^,]*$/, i % 4 === 0 ? ",val" : ",train"))].join("\n"),
    );
    const grouped = await knn("--model", "pixels", "--data", "groups.csv", "--out", "results/groups", "--split", "0.3");
    expect(grouped.data).toMatchObject({ trainImages: 16, testImages: 8 }); // whole groups of 4, one of each class
    const split = await knn("--model", "pixels", "--data", "split.csv", "--out", "results/column", "--ks", "1");
    expect(split.data).toMatchObject({ trainImages: 18, testImages: 6, origin: "column split of the manifest" });
  });
});

describe("dinov2 benchmark linear", () => {
  let root: string;
  beforeAll(async () => (root = await createFixtures()));
  afterAll(() => rm(root, { recursive: true }));

  const sides = ["--data", "sides", "--backend", "cpu", "--steps", "40", "--train-batch", "8"];
  const linear = (...words: string[]) => dinov2Json<BenchmarkResult>(["benchmark", "linear", ...sides, ...words], root);

  it("reads the blocks that there are, one head for each rate, and writes what it prints", async () => {
    const { written, ...result } = await linear("--model", "model.safetensors", "--out", "results/model", "--learning-rates", "0.000001,1");
    const heads = ["b1.lr0.000001", "b1.lr1", "b1.avg.lr0.000001", "b1.avg.lr1"]; // 4 blocks are more than the model's 2
    const names = ["linear", ...heads.map((head) => `linear.${head}`)].flatMap((name) => [`${name}.top1`, `${name}.top5`, `${name}.mean_per_class`]);
    expect(Object.keys(result.metrics)).toEqual(names);
    expect(result.metrics["linear.top1"]).toBe(1);
    expect(result.notes["linear.top1"]).toMatch(
      /^head b1\.(avg\.)?lr1, the best of 4 on the test images themselves; no larger learning rate was tried, and one may be better$/);
    expect(result.protocol).toMatchObject({ learningRates: [1e-6, 1], steps: 40, selectOn: "test", features: "once" });
    expect(JSON.parse(await readFile(join(root, written), "utf8"))).toEqual(result);
  });

  it("selects on held-out training images, and says so", async () => {
    const words = ["--model", "pixels", "--out", "results/held-out", "--learning-rates", "0.1", "--select-on", "held-out"];
    const { metrics, notes } = await linear(...words, "--held-out", "0.2");
    const rows = ["linear", "linear.image.lr0.1"].flatMap((name) => [`${name}.top1`, `${name}.top5`, `${name}.mean_per_class`]);
    expect(Object.keys(metrics)).toEqual([...rows, "linear.image.lr0.1.heldout"]);
    expect(notes["linear.top1"]).toBe("head image.lr0.1, the best of 1 on training images held out");
  });

  it("trains on crops of the sizes asked for, and says which", async () => {
    const words = ["--model", "pixels", "--learning-rates", "0.5", "--features", "augmented", "--crop-scale", "0.6,1"];
    const { metrics, protocol } = await linear(...words, "--out", "results/crops");
    expect(metrics["linear.top1"]).toBe(1);
    expect(protocol).toMatchObject({ features: "augmented", cropScale: [0.6, 1] });
  });

  it("prints the selected head, and a table of all with a row for each rate", async () => {
    const words = ["benchmark", "linear", ...sides, "--model", "model.safetensors", "--out", "results/table", "--blocks", "1,2"];
    const { code, stdout } = await dinov2([...words, "--learning-rates", "0.01,0.5"], root);
    expect(code).toBe(0);
    expect(stdout).toMatch(/top-1 +b1 +b1\.avg +b2 +b2\.avg\nlr0\.01( +\d+\.\d %){4}\nlr0\.5( +\d+\.\d %){4}\n/);
  });
});

describe("a set that is known by name", () => {
  let root: string;
  beforeAll(async () => (root = await createFixtures()));
  afterAll(() => rm(root, { recursive: true }));

  it("is measured on its own sides, by what it is reported by", async () => {
    await mkdir(join(root, "pets/images"), { recursive: true });
    await mkdir(join(root, "pets/annotations"));
    const names = ["blue", "red"].flatMap((breed) => Array.from({ length: breed === "blue" ? 12 : 6 }, (_, i) => ({ breed, i })));
    for (const { breed, i } of names) await copyFile(join(root, `colours/${breed}/${i}.png`), join(root, `pets/images/${breed}_${i}.jpg`));
    for (const [list, isIn] of [["trainval", (i: number) => i > 2], ["test", (i: number) => i <= 2]] as const) {
      const lines = names.filter(({ i }) => isIn(i)).map(({ breed, i }) => `${breed}_${i} ${breed === "blue" ? 1 : 2} 1 1\n`);
      await writeFile(join(root, `pets/annotations/${list}.txt`), lines.join(""));
    }
    const words = ["benchmark", "linear", "--model", "pixels", "--data", "pets:pets", "--out", "results/pets", "--backend", "cpu"];
    const { code, stdout } = await dinov2([...words, "--steps", "40", "--train-batch", "8", "--learning-rates", "0.01,0.5"], root);
    expect(code).toBe(0);
    expect(stdout).toMatch(/12 train and 6 test images in 2 classes\n\(the set's own lists\)/);
    expect(stdout).toMatch(/, the best of 2 by mean accuracy per class on the test images themselves/);
    expect(stdout).toMatch(/mean per class +image\nlr0\.01 +\d+\.\d %\nlr0\.5 +\d+\.\d %\n/);
    const { protocol, metrics } = JSON.parse(await readFile(join(root, "results/pets/results.json"), "utf8")) as BenchmarkResult;
    expect([protocol["metric"], metrics["linear.mean_per_class"]]).toEqual(["mean-per-class", 1]); // blue and red
  });
});

describe("dinov2 benchmark logistic", () => {
  let root: string;
  beforeAll(async () => (root = await createFixtures()));
  afterAll(() => rm(root, { recursive: true }));

  const logistic = (...words: string[]) => dinov2Json<BenchmarkResult>(["benchmark", "logistic", "--backend", "cpu", ...words], root);

  it("chooses C on held-out training images, of images resized to the crop, and writes what it prints", async () => {
    const words = ["--model", "model.safetensors", "--data", "sides", "--out", "results/logistic", "--cs", "0.001,1,1000", "--held-out", "0.2"];
    const { written, ...result } = await logistic(...words);
    expect(Object.keys(result.metrics)).toEqual(["logistic.top1", "logistic.top5", "logistic.mean_per_class", "logistic.heldout"]);
    expect(result.metrics["logistic.top1"]).toBe(1); // blue and red
    expect(result.notes["logistic.top1"]).toMatch(/^C (0\.00100|1\.00|1\.00e\+3), the best of 3 on training images held out$/);
    expect(result.protocol).toMatchObject({ cs: [0.001, 1, 1000], heldOutShare: 0.2, cropSize: 32, resizeSize: 32 });
    expect(JSON.parse(await readFile(join(root, written), "utf8"))).toEqual(result);
  });

  it("chooses C on images given for it", async () => {
    const { notes, protocol } = await logistic("--model", "pixels", "--data", "sides", "--selection-data", "colours", "--out", "results/given", "--cs", "0.1,1");
    expect(notes["logistic.top1"]).toMatch(/the best of 2 on images given to select on$/);
    expect(protocol).toMatchObject({ selectionData: "colours" });
  });
});

describe("dinov2 benchmark retrieval", () => {
  let root: string;
  beforeAll(async () => (root = await createFixtures()));
  afterAll(() => rm(root, { recursive: true }));

  it("finds images of the same label among all others, and those of other sources", async () => {
    const words = ["benchmark", "retrieval", "--backend", "cpu", "--model", "pixels", "--data", "sides/train"];
    const { written, ...among } = await dinov2Json<BenchmarkResult>([...words, "--out", "results/among"], root);
    expect(among.metrics).toEqual({ "instance.top1": 1, "instance.top5": 1, "instance.mAP": 1 }); // blue and red
    expect(among.data).toMatchObject({ trainImages: 12, testImages: 12, origin: "each image searched among the others" });
    expect(JSON.parse(await readFile(join(root, written), "utf8"))).toEqual(among);
    const { metrics, data } = await dinov2Json<BenchmarkResult>([...words, "--queries", "sides/val", "--out", "results/queries"], root);
    expect(metrics["instance.mAP"]).toBe(1);
    expect(data).toMatchObject({ trainImages: 12, testImages: 6, origin: "given as gallery and queries" });
  });
});

describe("dinov2 benchmark retrieval of the revisited layout", () => {
  let root: string;
  beforeAll(async () => (root = await createFixtures()));
  afterAll(() => rm(root, { recursive: true }));

  it("takes junk out of the rankings, and scores easy, medium and hard by their own images", async () => {
    // The query is blue, and so are the first five of the gallery: all of them are nearer than any red one.
    const imlist = ["blue-1", "blue-2", "blue-3", "blue-4", "blue-5", "red-0", "red-1", "red-2"];
    await mkdir(join(root, "mini/jpg"), { recursive: true });
    for (const name of ["blue-0", ...imlist]) await copyFile(join(root, "colours", `${name.replace("-", "/")}.png`), join(root, "mini/jpg", `${name}.jpg`));
    const gnd = [{ bbx: [2, 2, 30, 30], easy: [0, 1], hard: [5, 6, 7], junk: [2] }];
    await writeFile(join(root, "mini/gnd_roxford5k.json"), JSON.stringify({ imlist, qimlist: ["blue-0"], gnd }));
    const words = ["benchmark", "retrieval", "--backend", "cpu", "--model", "pixels", "--data", "roxford5k:mini", "--out", "results/mini"];
    const { metrics, protocol } = await dinov2Json<BenchmarkResult>(words, root);
    // Hard: blue 4 and 5 are wrong and first, then come the three: at places 2, 3 and 4.
    const hard = ((0 + 1 / 3) / 2 + (1 / 3 + 2 / 4) / 2 + (2 / 4 + 3 / 5) / 2) / 3;
    expect(metrics["hard.mAP"]).toBeCloseTo(hard, 12);
    expect([metrics["hard.mP@1"], metrics["hard.mP@5"], metrics["hard.mP@10"]]).toEqual([0, 3 / 5, 3 / 5]);
    expect(protocol).toMatchObject({ averagePrecision: "trapezoids" });
  });
});

describe("--features-dir", () => {
  let root: string;
  beforeAll(async () => (root = await createFixtures()));
  afterAll(() => rm(root, { recursive: true }));

  it("shares features between benchmarks, with the numbers of each unchanged, and refuses another model's", async () => {
    const benchmark = (name: string, ...words: string[]) =>
      dinov2Json<BenchmarkResult>(["benchmark", name, "--backend", "cpu", "--data", "sides", "--out", `results/${name}`, ...words], root);
    const model = ["--model", "model.safetensors"];
    const kept = ["--features-dir", "features"];
    const linear = ["--steps", "5", "--learning-rates", "0.1"];
    const alone = [await benchmark("knn", ...model), await benchmark("linear", ...model, ...linear)];
    const shared = [await benchmark("linear", ...model, ...linear, ...kept)];
    const files = await readdir(join(root, "features"));
    shared.unshift(await benchmark("knn", ...model, ...kept));
    expect(shared.map(({ metrics }) => metrics)).toEqual(alone.map(({ metrics }) => metrics));
    expect(files.length).toBe(2); // train and test
    expect(await readdir(join(root, "features"))).toEqual(files);
    const { code, stderr } = await dinov2(["benchmark", "knn", "--data", "sides", "--out", "results/x", "--backend", "cpu", "--model", "blind.safetensors", ...kept], root);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/is of other features: weights /)]);
  });
});
