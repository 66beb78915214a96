// What the benchmarks of labelled images are told alike.

import { addImageOptions, type Command, parseFraction, SOURCE_FORMS } from "@dinov2/cli";
import type { Benchmark, BenchmarkOptions } from "./run-benchmark.ts";

export type { BenchmarkOptions };

/** Which model, which images, where the results go. */
export function addBenchmarkOptions(command: Command): Command {
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

/** Only a command that runs loads the engines. */
export async function run(benchmark: Benchmark, options: BenchmarkOptions): Promise<void> {
  const { runBenchmark } = await import("./run-benchmark.ts");
  await runBenchmark(benchmark, options);
}
