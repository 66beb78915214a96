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
  const ofGlobal = backboneFlops(config, globalTokens);
  const ofLocal = backboneFlops(config, localTokens);

  const clsRow = headFlops(config.embedDim, heads.dino);
  const patchRow = headFlops(config.embedDim, heads.ibot.separate ? heads.ibot : heads.dino);
  const patches = (crops.globalSize / config.patchSize) ** 2;
  const hiddenPatches = 2 * patches * masking.probability * ((masking.ratio[0] + masking.ratio[1]) / 2);

  const teacher = 2 * (ofGlobal + clsRow) + hiddenPatches * patchRow;
  const student = teacher + crops.localCount * (ofLocal + clsRow);
  return data.batchSize * (teacher + 3 * student);
}

/** One sequence through the backbone. */
function backboneFlops(config: VisionTransformerConfig, tokens: number): number {
  const { embedDim: width, depth, patchSize, inChannels, ffnLayer } = config;
  const hidden = ffnHiddenWidth(config);
  // SwiGLU has two projections in, one out.
  const ffnProducts = { identity: 0, mlp: 2, swiglu: 3, swiglufused: 3 }[ffnLayer];
  const perToken = 2 * width * (4 * width + ffnProducts * hidden); // qkv and projection; feed-forward
  const attention = 4 * tokens ** 2 * width; // scores, and their products with the values
  return depth * (tokens * perToken + attention) + tokens * 2 * inChannels * patchSize ** 2 * width;
}

/** One row through a head. */
function headFlops(width: number, { layers, hiddenDim, bottleneckDim, prototypes }: Recipe["heads"]["dino"]): number {
  const widths = [width, ...Array<number>(layers - 1).fill(hiddenDim), bottleneckDim, prototypes];
  return widths.slice(1).reduce((sum, out, i) => sum + 2 * widths[i]! * out, 0);
}
