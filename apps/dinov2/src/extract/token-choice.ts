// Which of a forward's outputs go into the file, under their official names (`forward_features`).

import { tf } from "@dinov2/tensor";
import type { VisionTransformer } from "@dinov2/vit";
import type { FeatureTensor } from "./feature-file.ts";

export type TokenChoice = "cls" | "all";

/** The tensors that a model's features of images with `patches` patches become. */
export function tensorsOf({ config }: VisionTransformer, tokens: TokenChoice, patches: number): FeatureTensor[] {
  const { embedDim, numRegisterTokens } = config;
  const cls = { name: "x_norm_clstoken", rowShape: [embedDim] };
  if (tokens === "cls") return [cls];
  const registers = { name: "x_norm_regtokens", rowShape: [numRegisterTokens, embedDim] };
  const patch = { name: "x_norm_patchtokens", rowShape: [patches, embedDim] };
  return numRegisterTokens > 0 ? [cls, patch, registers] : [cls, patch];
}

/** One forward of images [B, 3, H, W]: values by name. No tensor outlives the call. */
export async function featuresOf(
  model: VisionTransformer,
  tokens: TokenChoice,
  images: Float32Array,
  shape: readonly [number, number, number, number],
): Promise<Record<string, Float32Array>> {
  const outputs = tf.tidy((): Record<string, tf.Tensor> => {
    const batch = tf.tensor4d(images, [...shape]);
    if (tokens === "cls") return { x_norm_clstoken: model.forward(batch) };
    const { xNormClstoken, xNormPatchtokens, xNormRegtokens } = model.forwardFeatures(batch);
    const features = { x_norm_clstoken: xNormClstoken, x_norm_patchtokens: xNormPatchtokens };
    return model.config.numRegisterTokens > 0 ? { ...features, x_norm_regtokens: xNormRegtokens } : features;
  });
  try {
    const values: Record<string, Float32Array> = {};
    for (const [name, output] of Object.entries(outputs)) values[name] = (await output.data()) as Float32Array;
    return values;
  } finally {
    tf.dispose(outputs);
  }
}
