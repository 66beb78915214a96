// What the groups about the backbone share: a network of a case's attributes with the case's weights.

import { RandomStream, tf } from "@dinov2/tensor";
import { VisionTransformer, vitConfig, type FfnLayer, type VisionTransformerConfig } from "@dinov2/vit";
import type { GoldenCase } from "./harness.ts";

/** The architecture that a case's attributes describe, in the official constructor's names. */
export function configOf({ attributes }: GoldenCase): VisionTransformerConfig {
  const given = <T>(name: string, otherwise: T): T => (name in attributes ? (attributes[name] as T) : otherwise);
  return vitConfig("small", {
    patchSize: given("patch_size", 14),
    imageSize: given("img_size", 224),
    embedDim: given("embed_dim", 384),
    depth: given("depth", 12),
    numHeads: given("num_heads", 6),
    mlpRatio: given("mlp_ratio", 4),
    ffnLayer: given<FfnLayer>("ffn_layer", "mlp"),
    initValues: given<number | null>("init_values", null),
    qkvBias: given("qkv_bias", true),
    projBias: given("proj_bias", true),
    ffnBias: given("ffn_bias", true),
    numRegisterTokens: given("num_register_tokens", 0),
    interpolateAntialias: given("interpolate_antialias", false),
    interpolateOffset: given("interpolate_offset", 0.1),
    dropPathRate: given("drop_path_rate", 0),
    dropPathUniform: given("drop_path_uniform", false),
    blockChunks: given("block_chunks", 0),
    layerNormEpsilon: given("layernorm_eps", 1e-6),
  });
}

/** A network with the case's weights; loading is strict, so the names are checked as well. */
export function backboneOf(golden: GoldenCase): VisionTransformer {
  const model = VisionTransformer.create(configOf(golden), RandomStream.fromSeed(0));
  model.load(golden.tensorsUnder("w."), { origin: golden.id });
  return model;
}

/** A tensor of the case on the backend. */
export function goldenTensor<T extends tf.Tensor>(golden: GoldenCase, name: string): T {
  const { dtype, shape, data } = golden.tensor(name);
  if (dtype === "BOOL") return tf.tensor(data as Uint8Array, [...shape], "bool") as T;
  return tf.tensor(Float32Array.from(data), [...shape], "float32") as T;
}

/** A result as plain data, for a comparison. */
export async function plain(tensor: tf.Tensor): Promise<{ shape: number[]; data: Float32Array }> {
  return { shape: tensor.shape, data: (await tensor.data()) as Float32Array };
}

/** `Σ_k (outputs[k] · cotangents[k]).sum()`, the scalar whose gradients the golden cases hold. */
export function contract(outputs: readonly tf.Tensor[], cotangents: readonly tf.Tensor[]): tf.Scalar {
  return tf.tidy(() => tf.addN(outputs.map((output, i) => tf.sum<tf.Scalar>(tf.mul(output, cotangents[i]!)))));
}
