// `dinov2 benchmark NAME`: frozen features, measured. Every measure is one row below: its name, its own options and the
// evaluator they make; the rest (which model, which images, what is written) is the same for all, in `measure.ts`.

import {
  addCommonOptions,
  addExamples,
  Command,
  Option,
  parseFraction,
  parsePositiveInteger,
  parsePositiveIntegers,
  parsePositiveNumbers,
  parseNumber,
  parseShareRange,
} from "@dinov2/cli";
import type { SelectOn, TrainFeatures } from "@dinov2/evaluation";
import { InputError } from "@dinov2/foundation";
import { depthCommand } from "./depth-command.ts";
import { logisticCommand } from "./logistic-command.ts";
import { addBenchmarkOptions, type BenchmarkOptions, run } from "./benchmark-options.ts";
import { retrievalCommand } from "./retrieval-command.ts";
import { segmentationCommand } from "./segmentation-command.ts";

interface KnnCommandOptions extends BenchmarkOptions {
  readonly ks: number[];
  readonly temperature: number;
  readonly perClass?: number[];
  readonly tries: number;
}

type Pooling = "none" | "avg" | "both";

interface LinearCommandOptions extends BenchmarkOptions {
  readonly blocks: number[];
  readonly pool: Pooling;
  readonly learningRates?: number[];
  readonly steps: number;
  readonly trainBatch: number;
  readonly features: TrainFeatures;
  readonly cropScale?: [lowest: number, highest: number];
  readonly selectOn: SelectOn;
  readonly heldOut: number;
}

export function benchmarkCommand(): Command {
  return addExamples(
    new Command("benchmark")
      .description("Measure how good a model's frozen features are: nothing in the model is trained.")
      .addCommand(knnCommand())
      .addCommand(linearCommand())
      .addCommand(logisticCommand())
      .addCommand(retrievalCommand())
      .addCommand(segmentationCommand())
      .addCommand(depthCommand()),
    "dinov2 benchmark knn --model RUN --data photos/ --out results/",
    "dinov2 benchmark knn --help",
  );
}

function knnCommand(): Command {
  const command = new Command("knn");
  addBenchmarkOptions(command)
    .summary("classify images by their nearest neighbours among labelled ones")
    .description(
      "Classify each test image by a weighted vote of the training images most similar to it.\n" +
        "Writes DIR/results.json and prints top-1 and top-5 accuracy for each k.",
    )
    .option("--ks <list>", "how many neighbours vote", parsePositiveIntegers, [10, 20, 100, 200])
    .option("--temperature <T>", "of the softmax over similarities", parseNumber, 0.07)
    .option("--per-class <list>", "also with so many training images of each class (few-shot)", parsePositiveIntegers)
    .option("--tries <N>", "random draws of the few-shot images, averaged", parsePositiveInteger, 1);
  addCommonOptions(command);
  addExamples(
    command,
    "dinov2 benchmark knn --model RUN --data photos/ --out results/",
    "dinov2 benchmark knn --model pixels --data photos/ --out results/ --ks 5,20",
  );
  return command.action(async (options: KnnCommandOptions) => {
    const { knnEvaluator } = await import("@dinov2/evaluation");
    const { ks, temperature, perClass = [], tries } = options;
    const protocol = { ks, temperature, perClass, tries };
    await run({ evaluator: knnEvaluator(protocol), protocol }, options);
  });
}

function linearCommand(): Command {
  const command = new Command("linear");
  addBenchmarkOptions(command)
    .summary("classify images by linear heads trained on the frozen features")
    .description(
      "Train a linear head for each learning rate, number of blocks and pooling, all at once, and test them.\n" +
        "Writes DIR/results.json and prints the accuracy of the best head and of each.",
    )
    .option("--blocks <list>", "read the class tokens of so many last blocks; as many as there are", parsePositiveIntegers, [1, 4])
    .addOption(new Option("--pool <choice>", "read the mean patch token too").choices(["none", "avg", "both"]).default("both"))
    .option(
      "--learning-rates <list>",
      "one head each; for 256 images a step, in proportion for others (default: the published 13, 1e-5 to 0.1)",
      parsePositiveNumbers,
    )
    .option("--steps <N>", "training steps", parsePositiveInteger, 12_500)
    .option("--train-batch <N>", "images in one training step", parsePositiveInteger, 128)
    .addOption(
      new Option("--features <choice>", "of each image once, or augmented, as published: of a new random crop each time, for a forward a step")
        .choices(["once", "augmented"])
        .default("once"),
    )
    .option("--crop-scale <low,high>", "share of the area in a random crop, with --features augmented (default: the published 0.08,1)", parseShareRange)
    .addOption(
      new Option("--select-on <images>", "what the best head is chosen on: test, as published, or held-out training images")
        .choices(["test", "held-out"])
        .default("test"),
    )
    .option("--held-out <share>", "of the training images, with --select-on held-out", parseFraction, 0.1);
  addCommonOptions(command);
  addExamples(
    command,
    "dinov2 benchmark linear --model RUN --data photos/ --out results/",
    "dinov2 benchmark linear --model RUN --data photos/ --out results/ --steps 2000 --select-on held-out",
    "dinov2 benchmark linear --model RUN --data imagenet:IN1k --test-data imagenet:IN1k:split=val imagenet-a:IN-A --out results/",
  );
  return command.action(async (options: LinearCommandOptions) => {
    const { linearEvaluator, OFFICIAL_LEARNING_RATES } = await import("@dinov2/evaluation");
    const { linearTable } = await import("./results.ts");
    const { blocks, pool, learningRates = OFFICIAL_LEARNING_RATES, steps, trainBatch, features, cropScale, selectOn, heldOut } = options;
    if (cropScale && features !== "augmented") throw new InputError("--crop-scale is of random crops; ask for them with --features augmented, or leave it out.");
    const averagePool = { none: [false], avg: [true], both: [false, true] }[pool];
    const training = { blocks, averagePool, learningRates, steps, trainBatch, features, selectOn, ...(cropScale && { cropScale }) };
    const evaluator = linearEvaluator({ ...training, heldOutShare: heldOut });
    const protocol = { ...training, ...(selectOn === "held-out" && { heldOutShare: heldOut }) };
    await run({ evaluator, protocol, table: linearTable }, options);
  });
}
