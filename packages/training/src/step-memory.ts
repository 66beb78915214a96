// What a step takes in memory, counted from the recipe alone: what the fused ops keep for the gradient
// (`packages/tensor/src/ops`), block by block. Not counted: what an op takes while it runs, the engine, and the loader. The test
// beside this holds the count to the tensors of real steps.
//
// B images, D width, H hidden width of the feed-forward layer, K prototypes, M hidden patches of the batch.

import { prototypeLossRows } from "@dinov2/tensor";
import { dropPathRates, ffnHiddenWidth, isSwiglu, keptCount, type VisionTransformerConfig } from "@dinov2/vit";
import { koleoSpansParts } from "./koleo-term.ts";
import { backboneConfig, parameterCounts } from "./network.ts";
import type { Recipe } from "./recipe.ts";
import { computedDropRate, cropTokens, patchRowsPerImage } from "./step-cost.ts";

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
/** The logits that the loss makes at a time. */
const partOfLogits = (rows: number, prototypes: number) => prototypeLossRows(rows, prototypes) * prototypes;

/** Memory of one step of `recipe.data.batchSize` images on one device. */
export function stepMemory(recipe: Recipe, precision: Precision): StepMemory {
  const parts = recipe.efficiency.accumulationSteps;
  const ofPart: Recipe = { ...recipe, data: { ...recipe.data, batchSize: recipe.data.batchSize / parts } };
  const counts = parameterCounts(recipe);
  const all = float * (counts.backbone + counts.dinoHead + counts.ibotHead);
  const { embedding, blocks, largestBlock, workspace } = backboneMemory(ofPart, precision);
  const heads = headMemory(ofPart, precision, recipe.teacher.sinkhornOver === "step" ? parts : 1);
  const activations = embedding + blocks + heads.activations;
  const batch = batchBytes(recipe);
  // The pass ahead for KoLeo keeps less than the teacher's targets and a part's activations; what stays of it is a row for each global crop.
  const koleo = koleoSpansParts(recipe.loss, parts) ? float * 2 * recipe.data.batchSize * backboneConfig(recipe).embedDim : 0;
  // With parts, the targets of all are there to the end, and the gradients of those before.
  const kept = parts > 1 ? all + heads.held + koleo : 0;
  const phases = [
    heads.teacher,
    kept + activations + heads.held * (parts > 1 ? 0 : 1) + heads.part + heads.gradientsOfPrototypes,
    // The heads' gradients come first, while the blocks' activations are all there.
    kept + embedding + blocks + float * (counts.dinoHead + counts.ibotHead) + workspace,
    // The first block's come last, beside all gradients.
    kept + embedding + largestBlock + all + workspace,
  ];
  return {
    student: all,
    teacher: all,
    optimizer: 2 * all,
    batch,
    gradients: all,
    // The hidden patches are counted by their average, which need not be whole.
    activations: Math.round(activations),
    targets: Math.round(heads.held + heads.part),
    workspace: Math.round(workspace),
    peak: Math.round(4 * all + batch + Math.max(...phases)),
  };
}

const sumOf = (numbers: readonly number[]) => numbers.reduce((sum, number) => sum + number, 0);

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
  const keptTokens = (rate: number) => sumOf(segments.map(({ count, tokens }) => keptCount(count, rate) * tokens));
  const rates = dropPathRates({ ...config, dropPathRate: computedDropRate(recipe) });
  // A branch that computes what stochastic depth drops keeps its result, to take it out of the gradient.
  const result = config.dropPathRate > computedDropRate(recipe) ? float * config.embedDim : 0;
  const [attention, feedForward] = blockBytesPerToken(config, precision).map((bytes) => bytes + result) as [number, number];
  const blocks = rates.map((rate, block) => {
    const ffnTokens = block === config.depth - 1 ? tokensRead(recipe) : keptTokens(rate);
    return keptTokens(rate) * attention + ffnTokens * feedForward;
  });
  const stream = float * keptTokens(0) * config.embedDim;
  const prefix = 1 + config.numRegisterTokens;
  const patches = sumOf(segments.map(({ count, tokens }) => count * (tokens - prefix)));
  const globalPatches = segments[0]!.count * (globalTokens - prefix);
  return {
    // Flattened patches for the projection's gradient, and the embedded ones that masks are laid over.
    embedding: float * (patches * config.inChannels * config.patchSize ** 2 + globalPatches * config.embedDim),
    // A block that is run again keeps its input alone, until its turn comes.
    blocks: recipe.efficiency.recomputeBlocks
      ? config.depth * stream + Math.max(...blocks)
      : sumOf(blocks),
    largestBlock: Math.max(...blocks),
    // The feed-forward layer of the last block but one on the way back; of the only one, the few rows that are read.
    workspace: config.depth > 1 ? keptTokens(rates.at(-2)!) * feedForwardWorkspace(config, precision) + stream : 4 * stream,
  };
}

/** Class tokens of all crops, and hidden patches. */
function tokensRead({ data, crops, ...recipe }: Recipe): number {
  return data.batchSize * (2 + crops.localCount + patchRowsPerImage({ ...recipe, crops }));
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

/** @param partsHeld how many parts' targets Sinkhorn-Knopp makes at once */
function headMemory(recipe: Recipe, precision: Precision, partsHeld: number) {
  const { data, crops, heads, teacher } = recipe;
  const cls = { rows: 2 * data.batchSize, head: heads.dino };
  const patches = { rows: data.batchSize * patchRowsPerImage(recipe), head: heads.ibot.separate ? heads.ibot : heads.dino };
  const width = backboneConfig(recipe).embedDim;
  const studentCls = (2 + crops.localCount) * data.batchSize;
  const keptOfRow = ({ layers, hiddenDim, bottleneckDim }: Recipe["heads"]["dino"]) =>
    float * (width + 3 * bottleneckDim) + productBytes(precision) * 2 * (layers - 1) * hiddenDim;
  const used = heads.ibot.separate
    ? [{ ...heads.dino, rows: studentCls }, { ...heads.ibot, rows: patches.rows }]
    : [{ ...heads.dino, rows: studentCls + patches.rows }];
  const assignments = [cls, patches].map(({ rows, head }) => float * partsHeld * rows * head.prototypes);
  const held = teacher.targets === "sinkhorn-knopp" ? assignments[0]! + assignments[1]! : 0;
  const prototypeNumbers = used.map(({ prototypes, bottleneckDim }) => prototypes * bottleneckDim);
  // Logits, their exponentials, targets and gradients, of a part of the rows: six at once.
  const part = float * 6 * Math.max(...used.map(({ rows, prototypes }) => partOfLogits(rows, prototypes)));
  return {
    activations: studentCls * keptOfRow(heads.dino) + patches.rows * keptOfRow(patches.head),
    held,
    part,
    // One of them twice, while the norm is taken out of it.
    gradientsOfPrototypes: float * (sumOf(prototypeNumbers) + Math.max(...prototypeNumbers)),
    // Sinkhorn-Knopp balances logits into probabilities: both are there, of the patches beside the class tokens' probabilities.
    teacher: teacher.targets === "sinkhorn-knopp" ? held + Math.max(...assignments) : part,
  };
}
