import { extname } from "node:path";
import {
  backendOptions,
  formatDuration,
  formatTable,
  ImageWatcher,
  printResult,
  requireWritable,
  type CommonOptions,
  type ImageOptions,
} from "@dinov2/cli";
import { evaluationSizes } from "@dinov2/evaluation";
import { InputError } from "@dinov2/foundation";
import { useBackend } from "@dinov2/tensor";
import { imageReadingOf } from "@dinov2/training";
import { loadModel, type VisionTransformer } from "@dinov2/vit";
import { FeatureFile } from "./feature-file.ts";
import { imageSource, tensorSource, type PixelSource } from "./pixel-source.ts";
import { featuresOf, tensorsOf, type TokenChoice } from "./token-choice.ts";

export interface ExtractOptions extends CommonOptions, ImageOptions {
  readonly model: string;
  readonly images: string;
  readonly out: string;
  readonly tokens: TokenChoice;
}

/** Opens everything, so that mistakes show before anything is written, then streams batches into the file. */
export async function extract(options: ExtractOptions): Promise<void> {
  const started = performance.now();
  await requireWritable("--out", options.out, "file");
  const backend = await useBackend(backendOptions(options));
  const model = (await loadModel(options.model)).freeze();
  const source = await openSource(options, model);
  try {
    const watcher = new ImageWatcher();
    const images = await writeFeatures(options, model, source, watcher);
    const skipped = watcher.skippedImages;
    const shapes = tensorsOf(model, options.tokens, patchCount(source, model)).map(
      ({ name, rowShape }) => [name, [images, ...rowShape]] as const,
    );
    const result = {
      written: options.out,
      images,
      skipped,
      tensors: Object.fromEntries(shapes),
      imageSize: [source.height, source.width],
      backend,
      seconds: (performance.now() - started) / 1000,
    };
    printResult(options, result, () => {
      const table = formatTable(shapes.map(([name, shape]) => [`  ${name}`, `[${shape.join(", ")}]`]));
      const leftOut = skipped.length > 0 ? `, ${skipped.length} left out` : "";
      return `${images} images in ${formatDuration(result.seconds)}${leftOut}, written to ${options.out}\n${table}`;
    });
  } finally {
    await source.close();
    model.dispose();
  }
}

async function openSource({ model, images, size, resize }: ExtractOptions, { config }: VisionTransformer): Promise<PixelSource> {
  if (extname(images) !== ".safetensors") {
    const sizes = evaluationSizes(config, { cropSize: size, resizeSize: resize });
    return imageSource(images, { ...sizes, ...(await imageReadingOf(model)) });
  }
  if (size !== undefined || resize !== undefined) {
    throw new InputError(`--size and --resize are for image files; the images in ${images} are taken as they are.`);
  }
  return tensorSource(images, config);
}

/** N, the patches of one image. */
const patchCount = ({ height, width }: PixelSource, { config }: VisionTransformer) =>
  (height / config.patchSize) * (width / config.patchSize);

/**
 * Runs every batch through the model and into the file; on an error no file stays behind.
 * @returns the number of rows written
 */
async function writeFeatures(
  { model: modelSource, images, out, tokens, batchSize, pixelLimit }: ExtractOptions,
  model: VisionTransformer,
  source: PixelSource,
  watcher: ImageWatcher,
): Promise<number> {
  const metadata = { model: modelSource, source: images, ...source.metadata };
  const tensors = tensorsOf(model, tokens, patchCount(source, model));
  const reading = { batchSize, skipped: watcher.skipped, ...(pixelLimit !== undefined && { pixelLimit }) };
  let file: FeatureFile | undefined; // begun when there is something to write
  let written = 0;
  watcher.progress("extracting", 0, source.count);
  try {
    for await (const batch of source.batches(reading)) {
      const shape = [batch.count, model.config.inChannels, source.height, source.width] as const;
      const features = await featuresOf(model, tokens, batch.images, shape);
      file ??= await FeatureFile.create(out, source.count, tensors, metadata);
      await file.append(batch.count, features);
      written += batch.count;
      watcher.progress("extracting", batch.seen, source.count);
    }
    if (!file) throw new InputError(`None of the ${source.count} images of ${images} could be decoded.`);
    await file.finish(source.sideTensors());
    watcher.finish();
    return written;
  } finally {
    watcher.clear();
    await file?.discard();
  }
}
