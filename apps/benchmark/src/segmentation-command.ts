// `dinov2 benchmark segmentation`: what every pixel belongs to, read off the frozen features of places.

import { addCommonOptions, addExamples, Command, InvalidArgumentError, parsePositiveInteger } from "@dinov2/cli";
import { addDenseOptions, type DenseOptions, type HeadFile, isHeadFile, refuseTraining } from "./dense-options.ts";

export interface SegmentationCommandOptions extends DenseOptions {
  /** A file of a head that is trained. */
  readonly head?: HeadFile;
  readonly multiScale: boolean;
  readonly layers?: number;
  readonly crop?: number;
  readonly resize?: number;
  readonly stride?: number;
  readonly batchSize: number;
}

function parseHead(text: string): HeadFile {
  if (isHeadFile(text)) return text;
  throw new InvalidArgumentError("Expected a .pth or .safetensors of a trained head.");
}

export function segmentationCommand(): Command {
  const command = new Command("segmentation")
    .summary("read off what every pixel belongs to")
    .description(
      "Train a linear head that answers a class for every pixel on the frozen features of places, or take a trained one, and test it.\n" +
        "Writes DIR/results.json, DIR/head.safetensors and pictures to DIR/overlays/, and prints mIoU, accuracy, and the numbers of each class.",
    );
  addDenseOptions(command, {
    data: "images with masks: ade20k:DIR, voc:DIR, cityscapes:DIR, or a folder with images/{train,val} and annotations/{train,val}",
    steps: 40_000,
    learningRate: 1e-3,
  })
    .option("--head <FILE>", "a trained head, published or of another run, which is tested only", parseHead)
    .option("--multi-scale", "as published for +ms: four blocks, crops of 640, tests at five sizes and mirrored, averaged", false)
    .option("--layers <N>", "how many last blocks the head reads; as many as there are (default: 1, or 4 with --multi-scale)", parsePositiveInteger)
    .option("--crop <pixels>", "side of a training crop, and of a test window (default: 512, or 640 with --multi-scale)", parsePositiveInteger)
    .option("--resize <pixels>", "short side of the images, before random ratios (default: the crop)", parsePositiveInteger)
    .option("--stride <pixels>", "from one test window to the next (default: 2/3 of the crop, or 1/2 with --multi-scale)", parsePositiveInteger)
    .option("--batch-size <N>", "training crops in one forward", parsePositiveInteger, 16);
  addCommonOptions(command);
  addExamples(
    command,
    "dinov2 benchmark segmentation --model RUN --data ade20k:ADEChallengeData2016/ --out results/",
    "dinov2 benchmark segmentation --model dinov2_vits14_pretrain.pth --head dinov2_vits14_ade20k_linear_head.pth --data ade20k:ADEChallengeData2016/ --out results/",
    "dinov2 benchmark segmentation --model pixels --data masks/ --out results/ --steps 500 --crop 224",
  );
  return command.action(async (options: SegmentationCommandOptions) => {
    if (options.head !== undefined) refuseTraining(command, ["steps", "trainBatch", "learningRate", "layers", "batchSize"]);
    const { runSegmentation } = await import("./run-segmentation.ts");
    await runSegmentation(options);
  });
}
