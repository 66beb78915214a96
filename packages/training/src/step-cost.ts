// What a step costs in arithmetic, counted from the recipe alone. Multiply and add are two operations.
//
// n tokens of a sequence, D width, H hidden width of the feed-forward layer, K prototypes.

import { ffnHiddenWidth, type VisionTransformerConfig } from "@dinov2/vit";
import { backboneConfig } from "./network.ts";
import type { Recipe } from "./recipe.ts";

/** Tokens that each side processes for one image: class token, registers and patches of all its crops. */
export function tokensPerImage(recipe: Pick<Recipe, "model" | "crops">): { student: number; teacher: number } {
  const { globalTokens, localTokens } = cropTokens(recipe);
  const teacher = 2 * globalTokens;
  return { student: teacher + recipe.crops.localCount * localTokens, teacher };
}

function cropTokens({ model, crops }: Pick<Recipe, "model" | "crops">) {
  const tokens = (side: number) => 1 + model.registerTokens + (side / model.patchSize) ** 2;
  return { globalTokens: tokens(crops.globalSize), localTokens: tokens(crops.localSize) };
}

/**
 * Floating-point operations of the matrix products of one step: the teacher's forward pass, and the student's forward
 * and backward (twice a forward). Everything else, and what stochastic depth saves, is left out.
 */
export function stepFlops(recipe: Recipe): number {
  const config = backboneConfig(recipe);
  const { globalTokens, localTokens } = cropTokens(recipe);
  const { crops, data, masking, heads } = recipe;
  const patches = (crops.globalSize / config.patchSize) ** 2;
  // In both global crops of an image together.
  const hiddenPatches = 2 * patches * masking.probability * ((masking.ratio[0] + masking.ratio[1]) / 2);
  const ofGlobal = backboneFlops(config, globalTokens, 1 + hiddenPatches / 2);
  const ofLocal = backboneFlops(config, localTokens, 1);

  const clsRow = headFlops(config.embedDim, heads.dino);
  const patchRow = headFlops(config.embedDim, heads.ibot.separate ? heads.ibot : heads.dino);
  const teacher = 2 * (ofGlobal + clsRow) + hiddenPatches * patchRow;
  const student = teacher + crops.localCount * (ofLocal + clsRow);
  return data.batchSize * (teacher + 3 * student);
}

/** One sequence through the backbone, `read` tokens of it through the last feed-forward layer. */
function backboneFlops(config: VisionTransformerConfig, tokens: number, read: number): number {
  const { embedDim: width, depth, patchSize, inChannels, ffnLayer } = config;
  const hidden = ffnHiddenWidth(config);
  // SwiGLU has two projections in, one out.
  const ffnProducts = { identity: 0, mlp: 2, swiglu: 3, swiglufused: 3 }[ffnLayer];
  const projections = tokens * 2 * 4 * width ** 2; // queries, keys, values; output
  const attention = 4 * tokens ** 2 * width; // scores, and their products with the values
  const feedForward = 2 * ffnProducts * width * hidden; // of one token
  const patchEmbedding = tokens * 2 * inChannels * patchSize ** 2 * width;
  return depth * (projections + attention) + ((depth - 1) * tokens + read) * feedForward + patchEmbedding;
}

/** One row through a head. */
function headFlops(width: number, { layers, hiddenDim, bottleneckDim, prototypes }: Recipe["heads"]["dino"]): number {
  const widths = [width, ...Array<number>(layers - 1).fill(hiddenDim), bottleneckDim, prototypes];
  return widths.slice(1).reduce((sum, out, i) => sum + 2 * widths[i]! * out, 0);
}
