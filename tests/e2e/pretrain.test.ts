import { copyFile, cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dinov2, dinov2Json, expectRefusal } from "./command-line.ts";
import { createFixtures } from "./fixtures.ts";

describe("dinov2 pretrain", () => {
  let root: string;
  beforeAll(async () => {
    root = await createFixtures();
    const { code, stderr } = await dinov2(pretrain("whole", "--seed", "7"), root);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  });
  afterAll(() => rm(root, { recursive: true }));

  const pretrain = (out: string, ...more: string[]) => [
    ...["pretrain", "--recipe", "tiny.yaml", "--data", "colours", "--out", out, "--backend", "cpu"],
    ...more,
  ];

  it("leaves a run folder that extract and benchmark knn read", async () => {
    const extracted = await dinov2Json<{ tensors: Record<string, number[]> }>(
      ["extract", "--model", "whole", "--images", "colours", "--out", "whole.safetensors", "--backend", "cpu"],
      root,
    );
    expect(extracted.tensors).toEqual({ x_norm_clstoken: [24, 16], x_norm_patchtokens: [24, 4, 16] });
    const words = ["benchmark", "knn", "--model", "whole", "--data", "sides", "--out", "results", "--ks", "1"];
    const { metrics } = await dinov2Json<{ metrics: Record<string, number> }>([...words, "--backend", "cpu"], root);
    expect(Object.keys(metrics)).toEqual(["k1.top1", "k1.top5", "k1.mean_per_class"]);
  });

  it("gives the same weights when it was stopped half way and resumed", async () => {
    await cp(join(root, "whole"), join(root, "stopped"), { recursive: true });
    await rm(join(root, "stopped/checkpoints/step-0000004"), { recursive: true });
    await writeFile(join(root, "stopped/checkpoints/latest"), "step-0000002");
    const { code } = await dinov2(pretrain("stopped", "--seed", "7", "--resume"), root);
    expect(code).toBe(0);
    for (const file of ["teacher", "student", "optimizer"]) {
      const path = (run: string) => join(root, run, `checkpoints/step-0000004/${file}.safetensors`);
      expect((await readFile(path("stopped"))).equals(await readFile(path("whole"))), file).toBe(true);
    }
  });

  describe("that is stopped", () => {
    const steps = 60; // some seconds
    const long = (out: string) => pretrain(out, "--seed", "7", "--set", `schedule.steps=${steps}`, "--set", `checkpoint.everySteps=${steps}`);
    const log = (run: string) => readFile(join(root, run, "metrics.jsonl"), "utf8").catch(() => "");
    const losses = async (run: string) =>
      (await log(run)).trimEnd().split("\n").map((line) => Object.entries(JSON.parse(line) as object).filter(([name]) => /step$|_loss$/.test(name)));
    beforeAll(async () => expect((await dinov2(long("long"), root)).code).toBe(0));

    it.each(["SIGINT", "SIGTERM"] as const)("by %s writes a checkpoint, and goes on with the command that it says as if nothing had been", async (signal) => {
      const { code, stderr } = await dinov2(long(signal), root, async (kill) => {
        // The log has a line once a step was done.
        for (let tries = 0; tries < 6000 && (await log(signal)) === ""; tries++) await setTimeout(50);
        kill(signal);
      });
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^Stopped at step \d+; go on with: dinov2 .*--resume$/m) });
      const [, step, command] = /^Stopped at step (\d+); go on with: dinov2 (.*)$/m.exec(stderr)!;
      expect(await losses(signal)).toHaveLength(Number(step));
      expect(Number(step)).toBeLessThan(steps);
      const latest = await readFile(join(root, signal, "checkpoints/latest"), "utf8");
      expect(latest).toBe(`step-${step!.padStart(7, "0")}\n`);
      expect(await readdir(join(root, signal, "checkpoints", latest.trim()))).toContain("state.json");

      expect((await dinov2(command!.split(" "), root)).code).toBe(0);
      expect(await losses(signal)).toEqual(await losses("long"));
      const weights = (run: string) => readFile(join(root, run, "checkpoints", `step-${String(steps).padStart(7, "0")}`, "teacher.safetensors"));
      expect((await weights(signal)).equals(await weights("long"))).toBe(true);
    });
  });

  it("tests the teacher by k-NN between steps, on the images that it names or a part of those it trains on", async () => {
    const every = ["--set", "watch.knnEverySteps=2"];
    const own = ["--set", "watch.knnTrain=sides/train", "--set", "watch.knnTest=sides/val"];
    for (const [out, ...more] of [["split", ...every], ["named", ...every, ...own]] as string[][]) {
      const { code, stderr } = await dinov2(pretrain(out!, "--seed", "7", ...more), root);
      expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
      const lines = (await readFile(join(root, out!, "metrics.jsonl"), "utf8")).trim().split("\n");
      const accuracies = lines.map((line) => (JSON.parse(line) as { knn_top1?: number }).knn_top1);
      const accuracy = expect.toSatisfy((value: number) => value >= 0 && value <= 1) as number;
      expect(accuracies).toEqual([undefined, accuracy, undefined, accuracy]);
      const state = JSON.parse(await readFile(join(root, out!, "checkpoints/step-0000004/state.json"), "utf8")) as object;
      expect(state).toMatchObject({ metric: { name: "knn_top1", value: accuracies[3] } });
    }
    // Watching changes nothing of what is learned.
    const weights = (run: string) => readFile(join(root, run, "checkpoints/step-0000004/student.safetensors"));
    expect((await weights("split")).equals(await weights("whole"))).toBe(true);
    await expectRefusal([...pretrain("unlabelled", ...every), "--data", "mixed"], root, /mixed has no classes/);
  });

  it("stops after steps that are not finite, with the reason and the command that resumes", async () => {
    const { code, stderr } = await dinov2(pretrain("hot", "--set", "optimizer.learningRate=1e30", "--set", "schedule.steps=9"), root);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Step \d+: skipped, .*is NaN.*\(1 in a row, the run stops at 3\)/m);
    expect(stderr).toMatch(/^dinov2: Step \d+: .*3 steps in a row.*To resume: dinov2 pretrain --data colours --out hot .*--resume$/m);
  });

  it("refuses to resume with a changed recipe, or to start over in a run folder, and changes nothing", async () => {
    const before = await readFile(join(root, "whole/metrics.jsonl"), "utf8");
    await expectRefusal([...pretrain("whole", "--set", "model.depth=3"), "--resume"], root, /changed recipe.*model\.depth: 2 → 3/);
    await expectRefusal(pretrain("whole"), root, /run folder whole is not empty.*--resume/);
    expect(await readFile(join(root, "whole/metrics.jsonl"), "utf8")).toBe(before);
  });

  it("takes the seed that was typed, else the recipe's", async () => {
    const seedOf = async (run: string) => (JSON.parse(await readFile(join(root, run, "config.json"), "utf8")) as { seed: number }).seed;
    expect(await seedOf("whole")).toBe(7);
    const { code } = await dinov2(pretrain("seeded", "--set", "seed=3", "--set", "schedule.steps=1"), root);
    expect([code, await seedOf("seeded")]).toEqual([0, 3]);
  });

  it("plans the largest published recipe without data, and writes nothing", async () => {
    const words = ["pretrain", "--recipe", "vitg14-long-lvd142m", "--plan", "--gpus", "256"];
    const plan = await dinov2Json<Record<string, unknown>>(words, root);
    expect(plan).toMatchObject({
      parameters: { backbone: 1_134_771_200, dinoHead: 58_593_664, ibotHead: 41_554_176 },
      tokensPerImage: { student: 914, teacher: 514 },
      flopsPerStep: expect.any(Number),
      memoryBytes: { student: expect.any(Number), activations: expect.any(Number), peak: expect.any(Number) },
      gpus: 256,
      precision: "bf16",
      days: expect.any(Number),
    });
  });

  it("starts from another run at another image size, and says what it took", async () => {
    const larger = pretrain("larger", "--init", "whole", "--set", "crops.globalSize=32", "--set", "schedule.steps=1");
    const { code, stderr } = await dinov2(larger, root);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("backbone.pos_embed resized from 4 to 16 patches") });
    const report = JSON.parse(await readFile(join(root, "larger/warm-start.json"), "utf8")) as { model: string; random: string[] };
    expect(report).toMatchObject({ model: "whole", random: [] });
  });

  it("skips a spoilt image, counts it and names it", async () => {
    const { code, stdout, stderr } = await dinov2([...pretrain("mixed-run"), "--data", "mixed"], root);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^Left out spoilt-0\.jpg: is not a readable JPEG/m);
    expect(stdout).toMatch(/1 unreadable/);
  });

  it("stops when too many images are spoilt, and says how many", async () => {
    const words = [...pretrain("spoilt-run"), "--data", "spoilt", "--set", "schedule.steps=40"];
    const { code, stderr } = await dinov2(words, root);
    expect(code).toBe(2);
    expect(stderr.trimEnd().split("\n").at(-1)).toMatch(/^dinov2: \d+ of \d+ images cannot be used, more than the allowed 10 %/);
  });

  it("leaves a checkpoint that is no model any more once its file is damaged", async () => {
    await copyFile(join(root, "damaged.safetensors"), join(root, "whole/checkpoints/step-0000002/teacher.safetensors"));
    const words = ["extract", "--model", "whole/checkpoints/step-0000002", "--images", "colours", "--out", "x.safetensors"];
    await expectRefusal([...words, "--backend", "cpu"], root, /is not a valid safetensors file/, join(root, "x.safetensors"));
  });
});
