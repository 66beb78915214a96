// `dinov2 benchmark NAME`: frozen features, measured. Every measure is one row below: its name, its own options and the
// evaluator they make; the rest (which model, which images, what is written) is the same for all, in `run-benchmark.ts`.

import {
  addCommonOptions,
  addExamples,
  addImageOptions,
  Command,
  parseFraction,
  parsePositiveInteger,
  parsePositiveIntegers,
  parseNumber,
  SOURCE_FORMS,
} from "@dinov2/cli";
import type { Evaluator } from "@dinov2/evaluation";
import type { BenchmarkOptions } from "./run-benchmark.ts";

interface KnnCommandOptions extends BenchmarkOptions {
  readonly ks: number[];
  readonly temperature: number;
  readonly perClass?: number[];
  readonly tries: number;
}

export function benchmarkCommand(): Command {
  return addExamples(
    new Command("benchmark")
      .description("Measure how good a model's frozen features are: nothing in the model is trained.")
      .addCommand(knnCommand()),
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
    await run(knnEvaluator({ ks, temperature, perClass, tries }), options, { ks, temperature, perClass, tries });
  });
}

async function run(evaluator: Evaluator, options: BenchmarkOptions, protocol: Readonly<Record<string, unknown>>) {
  const { runBenchmark } = await import("./run-benchmark.ts");
  await runBenchmark(evaluator, options, protocol);
}

/** The options of every benchmark. */
function addBenchmarkOptions(command: Command): Command {
  command
    .requiredOption("--model <MODEL>", "run folder, .safetensors, official .pth or Hugging Face folder; or pixels, for shrunk pictures as a baseline")
    .requiredOption(
      "--data <SRC>",
      `labelled images: a folder with train and val (or test) in it, class folders, or another source with labels (${SOURCE_FORMS})`,
    )
    .requiredOption("--out <DIR>", "folder for results.json")
    .option("--test-data <SRC>", "images to test on, when --data holds only those to learn from")
    .option("--split <share>", "share to test on, when --data is one set without sides", parseFraction, 0.2)
    .option("--untrained", "fresh weights in the model's architecture, a baseline", false);
  return addImageOptions(command);
}
