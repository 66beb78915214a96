// `dinov2 extract`: images through a frozen model into a safetensors file. With a safetensors file of prepared pixels as
// input it is how numbers are compared across implementations.

import { addCommonOptions, addExamples, addImageOptions, Command, Option, SOURCE_FORMS } from "@dinov2/cli";
import type { ExtractOptions } from "./extract.ts";

const DESCRIPTION = `Write a model's features of images to a safetensors file, batch by batch.

Tensors written, for the M images that can be decoded, after the final norm:
  x_norm_clstoken     [M, D]     class token
  x_norm_patchtokens  [M, N, D]  patch tokens, with --tokens all
  x_norm_regtokens    [M, R, D]  registers of a model with some, likewise
  image_names         [bytes]    names of image files, as a JSON array
  labels              [M]        class numbers; class_names in the metadata`;

export function extractCommand(): Command {
  const command = new Command("extract")
    .description(DESCRIPTION)
    .requiredOption("--model <MODEL>", "run folder, .safetensors, official .pth or Hugging Face folder")
    .requiredOption(
      "--images <SRC>",
      `images: ${SOURCE_FORMS}; or a .safetensors file with a normalised float32 tensor images (N, 3, H, W)`,
    )
    .requiredOption("--out <FILE>", "the .safetensors file to write")
    .addOption(new Option("--tokens <which>", "what to write").choices(["cls", "all"]).default("all"));
  addCommonOptions(addImageOptions(command));
  addExamples(
    command,
    "dinov2 extract --model RUN --images photos/ --out photos.safetensors",
    "dinov2 extract --model RUN --images pixels.safetensors --out tokens.safetensors",
  );
  return command.action(async (options: ExtractOptions) => {
    const { extract } = await import("./extract.ts");
    await extract(options);
  });
}
