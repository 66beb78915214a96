// What a step costs in arithmetic, counted from the recipe alone. Multiply and add are two operations.
//
// n tokens of a sequence, D width, H hidden width of the feed-forward layer, K prototypes.

import { dropPathRates, ffnHiddenWidth, keptCount, type VisionTransformerConfig } from "@dinov2/vit";
import { koleoSpansParts } from "./koleo-term.ts";
import { backboneConfig } from "./network.ts";
import type { Recipe } from "./recipe.ts";

/** Tokens that each side processes for one image: class token, registers and patches of all its crops. */
export function tokensPerImage(recipe: Pick<Recipe, "model" | "crops">): { student: number; teacher: number } {
  const { globalTokens, localTokens } = cropTokens(recipe);
  const teacher = 2 * globalTokens;
  return { student: teacher + recipe.crops.localCount * localTokens, teacher };
}

/** Tokens of one crop of each size. */
export function cropTokens({ model, crops }: Pick<Recipe, "model" | "crops">) {
  const tokens = (side: number) => 1 + model.registerTokens + (side / model.patchSize) ** 2;
  return { globalTokens: tokens(crops.globalSize), localTokens: tokens(crops.localSize) };
}

/**
 * Floating-point operations of the matrix products of one step on one device: the teacher's forward pass, the student's forward and
 * backward (twice a forward), and its forward pass for KoLeo where that looks beyond a part; without what stochastic depth leaves
 * out. Everything else is not counted.
 */
export function stepFlops(recipe: Recipe): number {
  const config = backboneConfig(recipe);
  const { globalTokens, localTokens } = cropTokens(recipe);
  const { crops, data, heads, loss, efficiency } = recipe;
  const images = data.batchSize;
  const patches = patchRowsPerImage(recipe);
  const globals = { count: 2 * images, tokens: globalTokens, read: 1 + patches / 2 };
  const locals = { count: crops.localCount * images, tokens: localTokens, read: 1 };

  const clsRow = headFlops(config.embedDim, heads.dino);
  const patchRow = headFlops(config.embedDim, heads.ibot.separate ? heads.ibot : heads.dino);
  const headsOfGlobals = images * (2 * clsRow + patches * patchRow);
  const teacher = backboneFlops({ ...config, dropPathRate: 0 }, globals) + headsOfGlobals;
  const computed = { ...config, dropPathRate: computedDropRate(recipe) };
  const backbone = backboneFlops(computed, globals) + backboneFlops(computed, locals);
  const passes = efficiency.recomputeBlocks ? 4 : 3;
  const ahead = koleoSpansParts(loss, efficiency.accumulationSteps) ? backboneFlops(computed, { ...globals, read: 1 }) : 0;
  return teacher + ahead + passes * backbone + 3 * (headsOfGlobals + locals.count * clsRow);
}

/** The rate of stochastic depth as far as it saves work. */
export const computedDropRate = ({ model, efficiency }: Pick<Recipe, "model" | "efficiency">): number =>
  efficiency.skipDropped ? model.dropPathRate : 0;

/** Patches of both global crops of an image that go through a head, on average. */
export function patchRowsPerImage({ model, crops, masking, efficiency }: Pick<Recipe, "model" | "crops" | "masking" | "efficiency">): number {
  const patches = 2 * (crops.globalSize / model.patchSize) ** 2;
  return efficiency.headsOnHiddenOnly ? patches * masking.probability * ((masking.ratio[0] + masking.ratio[1]) / 2) : patches;
}

/** Sequences of one length, `read` tokens of each through the last feed-forward layer. */
interface Sequences {
  readonly count: number;
  readonly tokens: number;
  readonly read: number;
}

function backboneFlops(config: VisionTransformerConfig, { count, tokens, read }: Sequences): number {
  if (count === 0) return 0;
  const { embedDim: width, depth, patchSize, inChannels, ffnLayer } = config;
  const hidden = ffnHiddenWidth(config);
  // SwiGLU has two projections in, one out.
  const ffnProducts = { identity: 0, mlp: 2, swiglu: 3, swiglufused: 3 }[ffnLayer];
  const projections = tokens * 2 * 4 * width ** 2; // queries, keys, values; output
  const attention = 4 * tokens ** 2 * width; // scores, and their products with the values
  const feedForward = 2 * ffnProducts * width * hidden; // of one token
  const blocks = dropPathRates(config).map((rate, block) => {
    const ffnTokens = block === depth - 1 ? read : tokens;
    return keptCount(count, rate) * (projections + attention + ffnTokens * feedForward);
  });
  const patchEmbedding = count * tokens * 2 * inChannels * patchSize ** 2 * width;
  return patchEmbedding + blocks.reduce((sum, flops) => sum + flops, 0);
}

/** One row through a head. */
function headFlops(width: number, { layers, hiddenDim, bottleneckDim, prototypes }: Recipe["heads"]["dino"]): number {
  const widths = [width, ...Array<number>(layers - 1).fill(hiddenDim), bottleneckDim, prototypes];
  return widths.slice(1).reduce((sum, out, i) => sum + 2 * widths[i]! * out, 0);
}
