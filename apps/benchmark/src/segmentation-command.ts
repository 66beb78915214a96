// `dinov2 benchmark segmentation`: what every pixel belongs to, read off the frozen features of places.

import {
  addCommonOptions,
  addExamples,
  Command,
  type CommonOptions,
  parseNaturalNumber,
  parsePositiveInteger,
  parsePositiveNumber,
} from "@dinov2/cli";

export interface SegmentationCommandOptions extends CommonOptions {
  readonly model: string;
  readonly data: string;
  readonly out: string;
  readonly untrained: boolean;
  readonly multiScale: boolean;
  readonly layers?: number;
  readonly steps: number;
  readonly trainBatch: number;
  readonly learningRate: number;
  readonly crop?: number;
  readonly resize?: number;
  readonly stride?: number;
  readonly batchSize: number;
  readonly figures: number;
}

export function segmentationCommand(): Command {
  const command = new Command("segmentation")
    .summary("read off what every pixel belongs to")
    .description(
      "Train a linear head that answers a class for every pixel on the frozen features of places, and test it.\n" +
        "Writes DIR/results.json and pictures to DIR/overlays/, and prints mIoU, accuracy, and the numbers of each class.",
    )
    .requiredOption("--model <MODEL>", "run folder, .safetensors, official .pth or Hugging Face folder; or pixels, for colours of patches as a baseline")
    .requiredOption(
      "--data <SRC>",
      "images with masks: ade20k:DIR, voc:DIR, cityscapes:DIR, or a folder with images/{train,val} and annotations/{train,val}",
    )
    .requiredOption("--out <DIR>", "folder for results.json and pictures")
    .option("--untrained", "fresh weights in the model's architecture, a baseline", false)
    .option("--multi-scale", "as published for +ms: four blocks, crops of 640, tests at five sizes and mirrored, averaged", false)
    .option("--layers <N>", "how many last blocks the head reads; as many as there are (default: 1, or 4 with --multi-scale)", parsePositiveInteger)
    .option("--steps <N>", "training steps", parsePositiveInteger, 40_000)
    .option("--train-batch <N>", "crops in one training step", parsePositiveInteger, 16)
    .option("--learning-rate <rate>", "of AdamW, at its highest", parsePositiveNumber, 1e-3)
    .option("--crop <pixels>", "side of a training crop, and of a test window (default: 512, or 640 with --multi-scale)", parsePositiveInteger)
    .option("--resize <pixels>", "short side of the images, before random ratios (default: the crop)", parsePositiveInteger)
    .option("--stride <pixels>", "from one test window to the next (default: 2/3 of the crop, or 1/2 with --multi-scale)", parsePositiveInteger)
    .option("--batch-size <N>", "training crops in one forward", parsePositiveInteger, 16)
    .option("--figures <N>", "pictures of test images, their classes and the answers", parseNaturalNumber, 8);
  addCommonOptions(command);
  addExamples(
    command,
    "dinov2 benchmark segmentation --model RUN --data ade20k:ADEChallengeData2016/ --out results/",
    "dinov2 benchmark segmentation --model pixels --data masks/ --out results/ --steps 500 --crop 224",
  );
  return command.action(async (options: SegmentationCommandOptions) => {
    const { runSegmentation } = await import("./run-segmentation.ts");
    await runSegmentation(options);
  });
}
