// What the benchmarks of labelled images are told alike.

import { addImageOptions, type Command, Option, parseFraction, parsePositiveInteger, SOURCE_FORMS } from "@dinov2/cli";
import type { FeatureDtype } from "@dinov2/evaluation";
import type { Benchmark, BenchmarkOptions } from "./run-benchmark.ts";

export type { BenchmarkOptions };

/** What `openBackbone` opens, but for pixels, which are a baseline of each benchmark's own. */
export const MODEL_FORMS = "run folder, .safetensors, official .pth, Hugging Face folder or tfjs:DIR of TF.js layers";

/** Which model, which images, where the results go. */
export function addBenchmarkOptions(command: Command): Command {
  command
    .requiredOption("--model <MODEL>", `${MODEL_FORMS}; or pixels, for shrunk pictures as a baseline`)
    .requiredOption(
      "--data <SRC>",
      `labelled images: a folder with train and val (or test) in it, class folders, or another source with labels (${SOURCE_FORMS})`,
    )
    .requiredOption("--out <DIR>", "folder for results.json")
    .option(
      "--test-data <SRC...>",
      "images to test on, in place of those of --data; several sets are measured one by one, and what is selected on test images is so on the first. " +
        "Also imagenet-real:DIR, imagenet-v2:DIR, imagenet-a:DIR, imagenet-r:DIR and imagenet-sketch:DIR",
    )
    .option("--split <share>", "share to test on, when --data is one set without sides", parseFraction, 0.2)
    .option("--splits <N>", "random splits of such a set, of seeds from --seed on: means, and standard deviations as ….sd", parsePositiveInteger, 1)
    .addOption(new Option("--metric <name>", "what settings are selected by (default: what the set is reported by, else top1)").choices(["top1", "mean-per-class"]))
    .option("--untrained", "fresh weights in the model's architecture, a baseline", false);
  return addFeatureOptions(addImageOptions(command));
}

export interface FeatureOptions {
  readonly featuresDir?: string;
  readonly featuresDtype: FeatureDtype;
}

export function addFeatureOptions(command: Command): Command {
  return command
    .option("--features-dir <DIR>", "keep features there, go on with those of a run that was stopped, and share them with other benchmarks of the model")
    .addOption(new Option("--features-dtype <name>", "of the features kept").choices(["float32", "float16"]).default("float32"));
}

/** Only a command that runs loads the engines. */
export async function run(benchmark: Benchmark, options: BenchmarkOptions): Promise<void> {
  const { runBenchmark } = await import("./run-benchmark.ts");
  await runBenchmark(benchmark, options);
}
