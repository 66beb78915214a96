// `dinov2 extract`: images through a frozen model into a safetensors file. With a safetensors file of prepared pixels as
// input it is how numbers are compared across implementations.

import { addCommonOptions, addExamples, Command, Option, parsePositiveInteger } from "@dinov2/cli";
import type { ExtractOptions } from "./extract.ts";

const DESCRIPTION = `Write a model's features of images to a safetensors file, batch by batch.

Tensors written (M images in the order of the source, files that cannot be decoded left out):
  x_norm_clstoken    [M, D]     class token after the final norm
  x_norm_patchtokens [M, N, D]  patch tokens (--tokens all)
  x_norm_regtokens   [M, R, D]  register tokens (--tokens all, where the model has some)
  image_names        [bytes]    the images' names, a JSON array in UTF-8 (image sources only)
  labels             [M]        class numbers (sources with classes; names in the metadata)`;

export function extractCommand(): Command {
  const command = new Command("extract")
    .description(DESCRIPTION)
    .requiredOption("--model <MODEL>", "run folder, checkpoint folder, .safetensors or Hugging Face folder")
    .requiredOption(
      "--images <SRC>",
      "image folder, glob or CSV manifest; or a .safetensors file with a float32 tensor images (N, 3, H, W), already normalised",
    )
    .requiredOption("--out <FILE>", "the .safetensors file to write")
    .addOption(new Option("--tokens <which>", "what to write").choices(["cls", "all"]).default("all"))
    .option("--size <pixels>", "side of the images the model sees (default: the model's, at most 224)", parsePositiveInteger)
    .option("--resize <pixels>", "short side before the centre crop (default: 256/224 of the size)", parsePositiveInteger)
    .option("--batch-size <N>", "images in one forward", parsePositiveInteger, 32)
    .option("--pixel-limit <N>", "leave out pictures with more pixels (default: 67108864)", parsePositiveInteger);
  addCommonOptions(command);
  addExamples(
    command,
    "dinov2 extract --model RUN --images photos/ --out features.safetensors --tokens cls",
    "dinov2 extract --model vits14.safetensors --images pixels.safetensors --out features.safetensors --json",
  );
  return command.action(async (options: ExtractOptions) => {
    const { extract } = await import("./extract.ts");
    await extract(options);
  });
}
