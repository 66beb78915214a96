// `dinov2 benchmark depth`: how far away things are, read off the frozen features of places.

import {
  addCommonOptions,
  addExamples,
  Command,
  type CommonOptions,
  Option,
  parseHeightAndWidth,
  parseNaturalNumber,
  parseNumber,
  parsePositiveInteger,
  parsePositiveNumber,
} from "@dinov2/cli";
import type { DepthHeadName } from "@dinov2/evaluation";

export interface DepthCommandOptions extends CommonOptions {
  readonly model: string;
  readonly data: string;
  readonly out: string;
  readonly untrained: boolean;
  readonly head: DepthHeadName;
  readonly steps: number;
  readonly trainBatch: number;
  readonly learningRate: number;
  readonly crop?: readonly [height: number, width: number];
  readonly maxDepth?: number;
  readonly gradientLoss: number;
  readonly flip: boolean;
  readonly figures: number;
}

export function depthCommand(): Command {
  const command = new Command("depth")
    .summary("read off how far away every pixel is")
    .description(
      "Train a head that answers metres for every pixel on the frozen features of places, and test it.\n" +
        "Writes DIR/results.json and pictures to DIR/depth/, and prints nine metrics, as a mean over images and of all pixels.",
    )
    .requiredOption("--model <MODEL>", "run folder, .safetensors, official .pth or Hugging Face folder; or pixels, for colours of patches as a baseline")
    .requiredOption("--data <SRC>", "images with depths: nyu:DIR, kitti:DIR, sun:DIR, or a folder with train.txt and test.txt")
    .requiredOption("--out <DIR>", "folder for results.json and pictures")
    .option("--untrained", "fresh weights in the model's architecture, a baseline", false)
    .addOption(
      new Option("--head <name>", "a linear layer on the last block, one on four blocks, or DPT on four blocks").choices(["lin1", "lin4", "dpt"]).default("lin4"),
    )
    .option("--steps <N>", "training steps", parsePositiveInteger, 38_400)
    .option("--train-batch <N>", "crops in one training step", parsePositiveInteger, 16)
    .option("--learning-rate <rate>", "of AdamW, at its highest", parsePositiveNumber, 1e-4)
    .option("--crop <HxW>", "pixels of a training crop (default: the published 416x544, 352x704 for KITTI; less where the images are smaller)", parseHeightAndWidth)
    .option("--max-depth <metres>", "farther pixels are neither learned nor scored (default: the data set's)", parsePositiveNumber)
    .option("--gradient-loss <weight>", "of a loss of depth edges, which the official code means to have at 0.5 and in effect has not", parseNumber, 0)
    .option("--no-flip", "test without the mirror image of each picture")
    .option("--figures <N>", "pictures of test images, their depths and the answers", parseNaturalNumber, 8);
  addCommonOptions(command);
  addExamples(
    command,
    "dinov2 benchmark depth --model RUN --data nyu:nyu_depth_v2/ --out results/",
    "dinov2 benchmark depth --model pixels --data rooms/ --out results/ --steps 1000 --train-batch 8 --head lin1",
  );
  return command.action(async (options: DepthCommandOptions) => {
    const { runDepth } = await import("./run-depth.ts");
    await runDepth(options);
  });
}
