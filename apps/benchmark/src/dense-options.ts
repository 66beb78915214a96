// What the benchmarks of pixels are told alike: which model, which pairs, how a head is trained, or that it is trained already.

import { type Command, type CommonOptions, parseNaturalNumber, parsePositiveInteger, parsePositiveNumber } from "@dinov2/cli";
import { InputError } from "@dinov2/foundation";
import { MODEL_FORMS } from "./benchmark-options.ts";

export interface DenseOptions extends CommonOptions {
  readonly model: string;
  readonly data: string;
  readonly out: string;
  readonly untrained: boolean;
  readonly steps: number;
  readonly trainBatch: number;
  readonly learningRate: number;
  readonly figures: number;
}

interface Wording {
  /** The help of `--data`. */
  readonly data: string;
  readonly steps: number;
  readonly learningRate: number;
}

export function addDenseOptions(command: Command, { data, steps, learningRate }: Wording): Command {
  return command
    .requiredOption("--model <MODEL>", `${MODEL_FORMS}; or pixels, for colours of patches as a baseline`)
    .requiredOption("--data <SRC>", data)
    .requiredOption("--out <DIR>", "folder for results.json, the trained head and pictures")
    .option("--untrained", "fresh weights in the model's architecture, a baseline", false)
    .option("--steps <N>", "training steps", parsePositiveInteger, steps)
    .option("--train-batch <N>", "crops in one training step", parsePositiveInteger, 16)
    .option("--learning-rate <rate>", "of AdamW, at its highest", parsePositiveNumber, learningRate)
    .option("--figures <N>", "pictures of test images, the true maps and the answers", parseNaturalNumber, 8);
}

/** A file of a head that is trained, where the name of one to train is meant as well. */
export type HeadFile = `${string}.${"pth" | "pt" | "safetensors"}`;
export const isHeadFile = (name: string): name is HeadFile => /\.(pth|pt|safetensors)$/.test(name);

/** @throws InputError when one of `names` was asked for, which a head that is trained already has no use for */
export function refuseTraining(command: Command, names: readonly string[]): void {
  const asked = names.find((name) => command.getOptionValueSource(name) === "cli");
  if (asked === undefined) return;
  const flag = command.options.find((option) => option.attributeName() === asked)!.long;
  throw new InputError(`${flag} is for training a head, and --head names a file of one that is trained; leave one of them out.`);
}
