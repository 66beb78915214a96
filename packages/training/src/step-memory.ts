// What a step takes in memory, counted from the recipe alone: what the fused ops keep for the gradient
// (`packages/tensor/src/ops`), block by block. Not counted: what an op takes while it runs, the engine, and the loader. The test
// beside this holds the count to the tensors of real steps.
//
// B images, D width, H hidden width of the feed-forward layer, K prototypes, M hidden patches of the batch.

import { dropPathRates, ffnHiddenWidth, isSwiglu, keptCount, type VisionTransformerConfig } from "@dinov2/vit";
import { backboneConfig, parameterCounts } from "./network.ts";
import type { Recipe } from "./recipe.ts";
import { cropTokens, hiddenPatchesPerImage } from "./step-cost.ts";

/** In bytes. The parts are not all there at once; `peak` is the most that is. */
export interface StepMemory {
  readonly student: number;
  readonly teacher: number;
  /** AdamW's two moments. */
  readonly optimizer: number;
  /** The crops of a batch. */
  readonly batch: number;
  /** Of all parameters, once the backward pass is done. */
  readonly gradients: number;
  /** What the forward pass keeps for the backward pass. */
  readonly activations: number;
  /** The teacher's probabilities, as far as they are held at once, and the logits that are compared with them. */
  readonly targets: number;
  /** The largest intermediates of the backward pass. */
  readonly workspace: number;
  readonly peak: number;
}

export type Precision = "fp32" | "bf16";

const float = 4;
/** The logits that `prototypeLoss` makes at a time: 64 rows, or 2²² numbers. */
const partOfLogits = (rows: number, prototypes: number) => Math.min(rows * prototypes, Math.max(64 * prototypes, 2 ** 22));

/** Memory of one step of `recipe.data.batchSize` images on one device. */
export function stepMemory(recipe: Recipe, precision: Precision): StepMemory {
  const counts = parameterCounts(recipe);
  const all = float * (counts.backbone + counts.dinoHead + counts.ibotHead);
  const { blocks, workspace, ...forward } = backboneMemory(recipe, precision);
  const heads = headMemory(recipe, precision);
  const activations = forward.embedding + blocks + heads.activations;
  const batch = batchBytes(recipe);
  const phases = [
    heads.teacher,
    activations + heads.targets + heads.gradientsOfPrototypes,
    // The heads' gradients come first, while the blocks' activations are all there.
    forward.embedding + blocks + float * (counts.dinoHead + counts.ibotHead) + workspace,
    all,
  ];
  return {
    student: all,
    teacher: all,
    optimizer: 2 * all,
    batch,
    gradients: all,
    // The hidden patches are counted by their average, which need not be whole.
    activations: Math.round(activations),
    targets: Math.round(heads.targets),
    workspace: Math.round(workspace),
    peak: Math.round(4 * all + batch + Math.max(...phases)),
  };
}

/** Normalised crops, and a byte of mask for each patch. */
function batchBytes({ model, crops, data }: Recipe): number {
  const pixels = 2 * crops.globalSize ** 2 + crops.localCount * crops.localSize ** 2;
  const patches = 2 * (crops.globalSize / model.patchSize) ** 2;
  return data.batchSize * (data.channels * float * pixels + patches);
}

function backboneMemory(recipe: Recipe, precision: Precision) {
  const config = backboneConfig(recipe);
  const { globalTokens, localTokens } = cropTokens(recipe);
  const { crops, data } = recipe;
  const segments = [
    { count: 2 * data.batchSize, tokens: globalTokens },
    ...(crops.localCount > 0 ? [{ count: crops.localCount * data.batchSize, tokens: localTokens }] : []),
  ];
  const keptTokens = (rate: number) => segments.reduce((sum, { count, tokens }) => sum + keptCount(count, rate) * tokens, 0);
  const rates = dropPathRates(config);
  const [attention, feedForward] = blockBytesPerToken(config, precision);
  const blocks = rates.map((rate, block) => {
    const ffnTokens = block === config.depth - 1 ? tokensRead(recipe) : keptTokens(rate);
    return keptTokens(rate) * attention + ffnTokens * feedForward;
  });
  const prefix = 1 + config.numRegisterTokens;
  const patches = segments.reduce((sum, { count, tokens }) => sum + count * (tokens - prefix), 0);
  const globalPatches = segments[0]!.count * (globalTokens - prefix);
  return {
    // Flattened patches for the projection's gradient, and the embedded ones that masks are laid over.
    embedding: float * (patches * config.inChannels * config.patchSize ** 2 + globalPatches * config.embedDim),
    blocks: blocks.reduce((sum, bytes) => sum + bytes, 0),
    // The feed-forward layer of the last block but one on the way back; of the only one, the few rows that are read.
    workspace:
      config.depth > 1
        ? keptTokens(rates.at(-2)!) * feedForwardWorkspace(config, precision) + float * keptTokens(0) * config.embedDim
        : float * keptTokens(0) * 4 * config.embedDim,
  };
}

/** Class tokens of all crops, and hidden patches. */
function tokensRead({ data, crops, ...recipe }: Recipe): number {
  return data.batchSize * (2 + crops.localCount + hiddenPatchesPerImage({ ...recipe, crops }));
}

/** Products' results are stored in half the bytes with bf16. */
const productBytes = (precision: Precision) => (precision === "bf16" ? 2 : float);

/** What each residual branch keeps of a token: attention, feed-forward layer. */
function blockBytesPerToken(config: VisionTransformerConfig, precision: Precision): [number, number] {
  const { embedDim: width, numHeads } = config;
  const product = productBytes(precision);
  // The branch's input and its two moments; queries, keys, values; the result and its log-sum-exp.
  const attention = float * (width + 2) + product * 4 * width + float * numHeads;
  return [attention, float * (width + 2) + product * hiddenNumbers(config)];
}

/** What a token's feed-forward layer has between its two products, before the activation. */
function hiddenNumbers(config: VisionTransformerConfig): number {
  if (config.ffnLayer === "identity") return config.embedDim;
  return (isSwiglu(config.ffnLayer) ? 2 : 1) * ffnHiddenWidth(config);
}

/** On the way back: the activation made again, its gradient, and that of the hidden numbers; rows of dy. */
function feedForwardWorkspace(config: VisionTransformerConfig, precision: Precision): number {
  const activated = config.ffnLayer === "identity" ? 0 : ffnHiddenWidth(config);
  return productBytes(precision) * (2 * activated + hiddenNumbers(config)) + float * config.embedDim;
}

function headMemory(recipe: Recipe, precision: Precision) {
  const { data, crops, heads, teacher } = recipe;
  const cls = { rows: 2 * data.batchSize, head: heads.dino };
  const patches = { rows: data.batchSize * hiddenPatchesPerImage(recipe), head: heads.ibot.separate ? heads.ibot : heads.dino };
  const width = backboneConfig(recipe).embedDim;
  const studentCls = (2 + crops.localCount) * data.batchSize;
  const keptOfRow = ({ layers, hiddenDim, bottleneckDim }: Recipe["heads"]["dino"]) =>
    float * (width + 3 * bottleneckDim) + productBytes(precision) * 2 * (layers - 1) * hiddenDim;
  const used = heads.ibot.separate
    ? [{ ...heads.dino, rows: studentCls }, { ...heads.ibot, rows: patches.rows }]
    : [{ ...heads.dino, rows: studentCls + patches.rows }];
  const assignments = [cls, patches].map(({ rows, head }) => float * rows * head.prototypes);
  const held = teacher.targets === "sinkhorn-knopp" ? assignments[0]! + assignments[1]! : 0;
  // Logits, their exponentials, targets and gradients, of a part of the rows: six at once.
  const part = float * 6 * Math.max(...used.map(({ rows, prototypes }) => partOfLogits(rows, prototypes)));
  return {
    activations: studentCls * keptOfRow(heads.dino) + patches.rows * keptOfRow(patches.head),
    targets: held + part,
    gradientsOfPrototypes: float * used.reduce((sum, { prototypes, bottleneckDim }) => sum + prototypes * bottleneckDim, 0),
    // Sinkhorn-Knopp balances logits into probabilities: both are there, of the patches beside the class tokens' probabilities.
    teacher: teacher.targets === "sinkhorn-knopp" ? held + Math.max(...assignments) : part,
  };
}
