// `dinov2 benchmark depth`: how far away things are, read off the frozen features of places.

import { addCommonOptions, addExamples, Command, InvalidArgumentError, parseHeightAndWidth, parseNumber, parsePositiveNumber } from "@dinov2/cli";
import type { DepthHeadName } from "@dinov2/evaluation";
import { addDenseOptions, type DenseOptions, type HeadFile, isHeadFile, refuseTraining } from "./dense-options.ts";

export interface DepthCommandOptions extends DenseOptions {
  /** A name of a head to train, or a file of one that is trained. */
  readonly head: DepthHeadName | HeadFile;
  readonly crop?: readonly [height: number, width: number];
  readonly maxDepth?: number;
  readonly gradientLoss: number;
  readonly flip: boolean;
}

const heads: readonly DepthHeadName[] = ["lin1", "lin4", "dpt"];

function parseHead(text: string): DepthHeadName | HeadFile {
  const name = heads.find((head) => head === text);
  if (name !== undefined) return name;
  if (isHeadFile(text)) return text;
  throw new InvalidArgumentError(`Expected ${heads.join(", ")}, or a .pth or .safetensors of a trained head.`);
}

export function depthCommand(): Command {
  const command = new Command("depth")
    .summary("read off how far away every pixel is")
    .description(
      "Train a head that answers metres for every pixel on the frozen features of places, or take a trained one, and test it.\n" +
        "Writes DIR/results.json, DIR/head.safetensors and pictures to DIR/depth/, and prints nine metrics, as a mean over images and of all pixels.",
    );
  addDenseOptions(command, {
    data: "images with depths: nyu:DIR, nyu:FILE.mat, kitti:DIR, sun:DIR, or a folder with train.txt and test.txt",
    steps: 38_400,
    learningRate: 1e-4,
  })
    .option(
      "--head <name|FILE>",
      "a linear layer on the last block (lin1), one on four blocks (lin4), DPT on four blocks (dpt); or a trained head, published or of another run, which is tested only",
      parseHead,
      "lin4",
    )
    .option("--crop <HxW>", "pixels of a training crop (default: the published 416x544, 352x704 for KITTI; less where the images are smaller)", parseHeightAndWidth)
    .option(
      "--max-depth <metres>",
      "farther pixels are neither learned nor scored, and a head's bins end there (default: the data set's)",
      parsePositiveNumber,
    )
    .option("--gradient-loss <weight>", "of a loss of depth edges, which the official code means to have at 0.5 and in effect has not", parseNumber, 0)
    .option("--no-flip", "test without the mirror image of each picture");
  addCommonOptions(command);
  addExamples(
    command,
    "dinov2 benchmark depth --model RUN --data nyu:nyu_depth_v2/ --out results/",
    "dinov2 benchmark depth --model dinov2_vits14_pretrain.pth --head dinov2_vits14_nyu_linear_head.pth --data nyu:nyu_depth_v2_labeled.mat --out results/",
    "dinov2 benchmark depth --model pixels --data rooms/ --out results/ --steps 1000 --train-batch 8 --head lin1",
  );
  return command.action(async (options: DepthCommandOptions) => {
    if (isHeadFile(options.head)) refuseTraining(command, ["steps", "trainBatch", "learningRate", "crop", "gradientLoss"]);
    const { runDepth } = await import("./run-depth.ts");
    await runDepth(options);
  });
}
