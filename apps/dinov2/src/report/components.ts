// Principal components of patch features, drawn beside the images that the network saw. Legend: h × w patches, S pixels a side.

import { backendOptions, type CommonOptions, type ImageOptions } from "@dinov2/cli";
import { encodePng, imagenetNormalization, loadEvalImages, openDataset, subset, type EvalBatch, type RgbImage } from "@dinov2/data";
import { denseFeatures, evaluationSizes, lastLayers, patchPca, vitBackbone, type FeatureMatrix, type FrozenBackbone } from "@dinov2/evaluation";
import { InputError } from "@dinov2/foundation";
import type { PageFigure } from "@dinov2/report";
import { tf, useBackend } from "@dinov2/tensor";
import { loadModel } from "@dinov2/vit";

/** Images that share one analysis, so that equal colours mean the same in all. */
const mostImages = 12;

export async function drawComponents(source: string, modelSource: string, options: CommonOptions & ImageOptions): Promise<PageFigure[]> {
  const all = await openDataset(source);
  const dataset = subset(all, Array.from({ length: Math.min(mostImages, all.length) }, (_, i) => i));
  await useBackend(backendOptions(options));
  const model = (await loadModel(modelSource)).freeze();
  try {
    const sizes = evaluationSizes(model.config, { cropSize: options.size, resizeSize: options.resize });
    if (sizes.channels !== undefined) throw new InputError(`${modelSource} sees ${sizes.channels} channels; --pca draws colour pictures.`);
    const backbone = vitBackbone(modelSource, model, sizes);
    const batches: EvalBatch[] = [];
    const features: FeatureMatrix[] = [];
    for await (const batch of loadEvalImages(dataset, { ...sizes, batchSize: 1 })) {
      batches.push(batch);
      features.push(await patchFeatures(backbone, batch));
    }
    return await figures(batches, joined(features), sizes.cropSize / model.config.patchSize);
  } finally {
    model.dispose();
  }
}

/** [h w, D] after the final norm. */
async function patchFeatures(backbone: FrozenBackbone, { images, shape }: EvalBatch): Promise<FeatureMatrix> {
  const patches = tf.tidy(() => {
    const layers = lastLayers(backbone.places!, 1);
    return denseFeatures(backbone, tf.tensor4d(images, [...shape]), { layers, norm: true })[0]!.patches;
  });
  try {
    const [, h, w, width] = patches.shape;
    return { count: h * w, width, values: (await patches.data()) as Float32Array };
  } finally {
    patches.dispose();
  }
}

function joined(parts: readonly FeatureMatrix[]): FeatureMatrix {
  const { count, width } = parts[0]!;
  const all = { count: count * parts.length, width, values: new Float32Array(count * width * parts.length) };
  parts.forEach(({ values }, i) => all.values.set(values, i * count * width));
  return all;
}

function figures(batches: readonly EvalBatch[], features: FeatureMatrix, across: number): Promise<PageFigure[]> {
  const perImage = across ** 2;
  const onBorder = Uint8Array.from({ length: features.count }, (_, n) => {
    const [row, column] = [Math.floor((n % perImage) / across), n % across];
    return row % (across - 1) === 0 || column % (across - 1) === 0 ? 1 : 0;
  });
  const { colors } = patchPca(features, onBorder);
  return Promise.all(batches.map(async (batch, i) => {
    const png = await encodePng(besideImage(batch, colors.subarray(i * perImage * 3, (i + 1) * perImage * 3), across));
    return { image: `data:image/png;base64,${Buffer.from(png).toString("base64")}`, caption: `${batch.names[0]!}, and its patches by component` };
  }));
}

/** [S, 2 S] pixels: the image as the network saw it, then a square of one colour for each patch. */
function besideImage({ images, shape }: EvalBatch, colors: Float32Array, across: number): RgbImage {
  const side = shape[2];
  const { mean, standardDeviation } = imagenetNormalization;
  const data = new Uint8Array(side * side * 2 * 3);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const patch = Math.floor((y * across) / side) * across + Math.floor((x * across) / side);
      for (let channel = 0; channel < 3; channel++) {
        const pixel = images[channel * side * side + y * side + x]! * standardDeviation[channel]! + mean[channel]!;
        data[(y * 2 * side + x) * 3 + channel] = Math.min(255, Math.max(0, Math.round(255 * pixel)));
        data[(y * 2 * side + side + x) * 3 + channel] = Math.round(255 * colors[patch * 3 + channel]!);
      }
    }
  }
  return { width: 2 * side, height: side, data };
}
