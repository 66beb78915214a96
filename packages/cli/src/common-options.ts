// The options that every command takes, defined once (architecture: "the command line").

import { type Command, InvalidArgumentError, Option } from "commander";
import { parseNaturalNumber, parsePositiveInteger } from "./parsers.ts";

/** The engines a user may name; `auto` takes the fastest one that is installed. */
export const BACKEND_CHOICES = ["auto", "libtorch", "tensorflow", "wasm", "cpu"] as const;

/** How products and attention may be computed; everything else, and every result, is in fp32. */
export const PRECISION_CHOICES = ["fp32", "bf16"] as const;

/** What names images, in the words of a help text: the sources that `openDataset` of `@dinov2/data` takes. */
export const SOURCE_FORMS =
  "a folder, a glob, a CSV or Parquet manifest, tar shards (a-{000..123}.tar), imagenet:DIR, imagenet22k:DIR, or a set of docs/datasets.md (cifar10:DIR, food101:DIR, …)";

/** What the common options parse to. */
export interface CommonOptions {
  readonly backend: (typeof BACKEND_CHOICES)[number];
  readonly device?: string;
  readonly precision: (typeof PRECISION_CHOICES)[number];
  readonly threads?: number;
  readonly seed: number;
  readonly json: boolean;
}

function parseDevice(text: string): string {
  if (!/^(cpu|cuda(:\d+)?)$/.test(text)) throw new InvalidArgumentError("Expected cpu, cuda or cuda:N.");
  return text;
}

/** Adds `--backend --device --precision --threads --seed --json` to a command, below its own options. */
export function addCommonOptions(command: Command): Command {
  return command
    .addOption(new Option("--backend <name>", "engine of the tensors").choices(BACKEND_CHOICES).default("auto"))
    .option("--device <device>", "cpu, cuda or cuda:N, where the engine has it", parseDevice)
    .addOption(
      new Option("--precision <name>", "of matrix products and attention; bf16 is faster, where the engine has it")
        .choices(PRECISION_CHOICES)
        .default("fp32"),
    )
    .option("--threads <N>", "CPU threads (default: the engine's choice)", parsePositiveInteger)
    .option("--seed <N>", "seed of every random choice", parseNaturalNumber, 0)
    .option("--json", "result as JSON on stdout (progress stays on stderr)", false);
}

/** How a command that runs a frozen model reads its images. */
export interface ImageOptions {
  readonly size?: number;
  readonly resize?: number;
  readonly batchSize: number;
  readonly pixelLimit?: number;
}

/** Adds `--size --resize --batch-size --pixel-limit`. */
export function addImageOptions(command: Command): Command {
  return command
    .option("--size <pixels>", "side of the images the model sees (default: the model's, at most 224)", parsePositiveInteger)
    .option("--resize <pixels>", "short side before the centre crop (default: 256/224 of the size)", parsePositiveInteger)
    .option("--batch-size <N>", "images in one forward", parsePositiveInteger, 32)
    .option("--pixel-limit <N>", "leave out pictures with more pixels (default: 67108864)", parsePositiveInteger);
}

/** The part of the common options that `useBackend` of `@dinov2/tensor` takes. */
export function backendOptions(options: Pick<CommonOptions, "backend" | "device" | "precision" | "threads">): {
  name: CommonOptions["backend"];
  device?: string;
  precision: CommonOptions["precision"];
  threads?: number;
} {
  const { backend, device, precision, threads } = options;
  return { name: backend, precision, ...(device !== undefined && { device }), ...(threads !== undefined && { threads }) };
}
