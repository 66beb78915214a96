// The architecture of a state dict that came without one. Names and shapes say almost everything: width, depth, patch,
// registers, feed-forward kind, LayerScale, block chunks. They do not say the number of heads, nor how the position
// embedding was meant to be resized; those follow the released models.

import { InputError } from "@dinov2/foundation";
import { checkConfig, configDefaults, ffnHiddenWidth, type FfnLayer, type VisionTransformerConfig } from "../config.ts";
import { storedGridSide } from "../position-embedding.ts";
import type { Shape } from "./compare.ts";

/** Every released backbone has heads of this width. */
const releasedHeadWidth = 64;

/** The config of official names and shapes; `numHeads` where heads are not 64 wide. */
export function inferConfig(shapes: ReadonlyMap<string, Shape>, origin: string, numHeads?: number): VisionTransformerConfig {
  const patch = shapeOf(shapes, "patch_embed.proj.weight", 4, origin);
  const [embedDim, inChannels, patchSize] = patch as [number, number, number];
  const position = shapeOf(shapes, "pos_embed", 3, origin);
  const { depth, blockChunks, firstBlock } = blocksOf(shapes, origin);
  const registers = shapes.get("register_tokens")?.[1] ?? 0;
  const has = (name: string) => shapes.has(firstBlock + name);
  return checkConfig({
    ...configDefaults,
    ...feedForwardOf(shapes, firstBlock, embedDim),
    embedDim,
    inChannels,
    patchSize,
    depth,
    blockChunks,
    imageSize: storedGridSide(position) * patchSize,
    numHeads: numHeads ?? headsOf(embedDim, origin),
    qkvBias: has("attn.qkv.bias"),
    projBias: has("attn.proj.bias"),
    // The value is where training would start, which the weights have left behind: only its presence counts.
    initValues: has("ls1.gamma") ? configDefaults.initValues : null,
    numRegisterTokens: registers,
    interpolateAntialias: registers > 0,
    interpolateOffset: registers > 0 ? 0 : configDefaults.interpolateOffset,
  });
}

function shapeOf(shapes: ReadonlyMap<string, Shape>, name: string, rank: number, origin: string): Shape {
  const shape = shapes.get(name);
  if (shape?.length === rank) return shape;
  const found = shape ? `has the shape [${shape.join(", ")}]` : "is missing";
  throw new InputError(`${origin}: ${name} ${found}; expected ${rank} dimensions, as in an official DINOv2 backbone.`);
}

/** Depth and chunks from the names `blocks.{index}.…` or `blocks.{chunk}.{index}.…`. */
function blocksOf(shapes: ReadonlyMap<string, Shape>, origin: string) {
  const pattern = /^blocks\.(?:(\d+)\.)?(\d+)\.norm1\.weight$/;
  const found = [...shapes.keys()].map((name) => pattern.exec(name)).filter((match) => match !== null);
  const first = found[0];
  if (!first) throw new InputError(`${origin} has no transformer blocks; expected names like blocks.0.norm1.weight.`);
  const chunks = found.filter((match) => match[1] !== undefined).map((match) => Number(match[1]));
  return {
    depth: found.length,
    blockChunks: chunks.length > 0 ? Math.max(...chunks) + 1 : 0,
    firstBlock: first[0].slice(0, -"norm1.weight".length),
  };
}

function feedForwardOf(shapes: ReadonlyMap<string, Shape>, firstBlock: string, embedDim: number) {
  const hiddenOf = (name: string) => shapes.get(`${firstBlock}mlp.${name}.weight`)?.[1];
  const mlpHidden = hiddenOf("fc2");
  const swigluHidden = hiddenOf("w3");
  if (mlpHidden !== undefined) {
    const ffnBias = shapes.has(`${firstBlock}mlp.fc1.bias`);
    return { ffnLayer: "mlp" as FfnLayer, mlpRatio: mlpHidden / embedDim, ffnBias };
  }
  if (swigluHidden === undefined) return { ffnLayer: "identity" as FfnLayer };
  const ffnBias = shapes.has(`${firstBlock}mlp.w12.bias`);
  return { ffnLayer: "swiglufused" as FfnLayer, mlpRatio: swigluRatio(swigluHidden, embedDim), ffnBias };
}

/** The ratio of four where it gives this hidden width, else the least one that does. */
function swigluRatio(hidden: number, embedDim: number): number {
  const usual = { ...configDefaults, embedDim, depth: 1, numHeads: 1, ffnLayer: "swiglu" as const };
  return ffnHiddenWidth(usual) === hidden ? usual.mlpRatio : (hidden * 1.5) / embedDim;
}

function headsOf(embedDim: number, origin: string): number {
  if (embedDim % releasedHeadWidth === 0) return embedDim / releasedHeadWidth;
  throw new InputError(
    `${origin} does not say how many heads it has, and its width ${embedDim} is not a multiple of ${releasedHeadWidth}; ` +
      "store the config in the metadata (saveModel does).",
  );
}
