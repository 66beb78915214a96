// What a pretraining run is made of: every setting, its type, its range, its default and the key that
// the official configuration (`dinov2/configs/ssl_default_config.yaml`) has for it. Defaults live here
// and nowhere else: they are the official ones, with epochs of 1250 iterations counted in steps.
// Recipes are YAML files that change some of them; see `recipe.ts`.

import { defaultPixelLimit, mostChannels } from "@dinov2/data";
import { ffnLayers, type SizeName, sizes } from "@dinov2/vit";
import { z } from "zod";

const count = z.int().min(1);
const countOrZero = z.int().min(0);
const positive = z.number().positive();
const notNegative = z.number().min(0);
const share = z.number().min(0).max(1);
const rate = z.number().min(0).lt(1);
const ascending = (range: readonly [number, number]) => range[0] <= range[1];
const shareRange = z.tuple([share, share]).refine(ascending, "two numbers, the smaller first");
const areaRange = z.tuple([positive.max(1), positive.max(1)]).refine(ascending, "two numbers, the smaller first");

/** The backbone. The student has all of it; the teacher has no stochastic depth. Official section: `student`. */
const model = z.strictObject({
  /** student.arch: width, depth and heads in one word; the three keys below replace parts of it. */
  size: z.enum(Object.keys(sizes) as [SizeName, ...SizeName[]]).default("large"),
  /** student.pretrained_weights: the run starts from the weights that `--init` names, and not without. */
  pretrained: z.boolean().default(false),
  embedDim: count.nullable().default(null),
  depth: count.nullable().default(null),
  numHeads: count.nullable().default(null),
  /** student.patch_size: pixels of a patch's side. */
  patchSize: count.default(16),
  /** student.ffn_layer. */
  ffnLayer: z.enum(ffnLayers).default("mlp"),
  /** student.layerscale: the start value of LayerScale; null for none. */
  layerScale: positive.nullable().default(1e-5),
  /** student.num_register_tokens. */
  registerTokens: countOrZero.default(0),
  /** student.drop_path_rate: the share of samples a block's branch is dropped for. */
  dropPathRate: rate.default(0.3),
  /** student.drop_path_uniform: the same rate in every block; else rising linearly from 0. */
  dropPathUniform: z.boolean().default(true),
  /** student.block_chunks: parameters named `blocks.CHUNK.INDEX` in so many chunks; 0 names them `blocks.INDEX`. */
  blockChunks: countOrZero.default(0),
  /** student.qkv_bias, student.proj_bias, student.ffn_bias. */
  qkvBias: z.boolean().default(true),
  projBias: z.boolean().default(true),
  ffnBias: z.boolean().default(true),
  /** student.interpolate_antialias, student.interpolate_offset: how position embeddings are resized. */
  interpolateAntialias: z.boolean().default(false),
  interpolateOffset: notNegative.default(0.1),
});

/** A projection head: an MLP to a bottleneck, then the prototypes. */
const head = {
  /** *.head_n_prototypes: K, the width of the output. */
  prototypes: count.default(65536),
  /** *.head_nlayers: linear layers of the MLP. */
  layers: count.default(3),
  /** *.head_hidden_dim. */
  hiddenDim: count.default(2048),
  /** *.head_bottleneck_dim. */
  bottleneckDim: count.default(256),
};

/** Official sections: `dino.head_*` and `ibot.head_*`. */
const heads = z.strictObject({
  dino: z.strictObject(head).prefault({}),
  /** Read only with `separate`; without it iBOT's patches go through the DINO head. */
  ibot: z.strictObject({ separate: z.boolean().default(false), ...head }).prefault({}),
});

const loss = z.strictObject({
  /** dino.loss_weight: of the image-level cross-entropy. */
  dinoWeight: notNegative.default(1),
  /** ibot.loss_weight: of the patch-level cross-entropy. */
  ibotWeight: notNegative.default(1),
  /** dino.koleo_loss_weight: of the regulariser that spreads the features of a batch. */
  koleoWeight: notNegative.default(0.1),
  /** Which global crops KoLeo reads: `both` as the released models were trained, `first` as the paper (B.1) says. */
  koleoCrops: z.enum(["both", "first"]).default("both"),
  /** What KoLeo looks for neighbours in when a step is taken in parts: the images of a part, as of one GPU officially, or all of the step. */
  koleoOver: z.enum(["part", "step"]).default("part"),
  /** At most so many of them at a time, as those of one GPU officially (train.batch_size_per_gpu); null for all. */
  koleoImages: z.int().min(2).nullable().default(null),
  /** The student's softmax temperature: `student_temp` of the official loss classes. */
  studentTemperature: positive.default(0.1),
});

const teacher = z.strictObject({
  /** train.centering: how teacher logits become targets. */
  targets: z.enum(["centering", "sinkhorn-knopp"]).default("centering"),
  /** What Sinkhorn-Knopp balances over when a step is taken in parts: all images of the step, as officially, or those of a part. */
  sinkhornOver: z.enum(["step", "part"]).default("step"),
  /** `center_momentum` of the official loss classes; read with `centering`. */
  centerMomentum: share.default(0.9),
  /** teacher.warmup_teacher_temp, teacher.teacher_temp, teacher.warmup_teacher_temp_epochs (30 × 1250). */
  startTemperature: positive.default(0.04),
  temperature: positive.default(0.07),
  temperatureWarmupSteps: countOrZero.default(37500),
  /** teacher.momentum_teacher, teacher.final_momentum_teacher: of the moving average, along a cosine. */
  momentum: share.default(0.992),
  finalMomentum: share.default(1),
});

/** AdamW. Official section: `optim`. */
const optimizer = z.strictObject({
  /** optim.base_lr: the highest learning rate, for a batch of 1024 images. */
  learningRate: positive.default(4e-3),
  /** optim.scaling_rule: `sqrt_wrt_1024` multiplies it by √(batch / 1024), `none` takes it as it is. */
  learningRateScaling: z.enum(["sqrt_wrt_1024", "none"]).default("sqrt_wrt_1024"),
  /** optim.min_lr: the last learning rate. */
  finalLearningRate: notNegative.default(1e-6),
  /** optim.layerwise_decay: each block's learning rate is this times that of the block after it. */
  layerwiseDecay: positive.max(1).default(0.9),
  /** optim.patch_embed_lr_mult. */
  patchEmbedMultiplier: notNegative.default(0.2),
  /** optim.weight_decay, optim.weight_decay_end: along a cosine. */
  weightDecay: notNegative.default(0.04),
  finalWeightDecay: notNegative.default(0.4),
  /** optim.adamw_beta1, optim.adamw_beta2. */
  beta1: rate.default(0.9),
  beta2: rate.default(0.999),
  epsilon: positive.default(1e-8),
  /** optim.clip_grad: the largest gradient norm of each of backbone, DINO head and iBOT head; null for no limit. */
  clipNorm: positive.nullable().default(3),
});

/** How long things last, in steps. The official keys count epochs of train.OFFICIAL_EPOCH_LENGTH = 1250 iterations. */
const schedule = z.strictObject({
  /** optim.epochs (100 × 1250). */
  steps: count.default(125000),
  /** optim.warmup_epochs (10 × 1250): of the learning rate, linear from 0. */
  warmupSteps: countOrZero.default(12500),
  /** optim.freeze_last_layer_epochs (1 × 1250): the heads' last layers learn nothing so long. */
  freezeLastLayerSteps: countOrZero.default(1250),
});

/** Official section: `crops`. */
const crops = z.strictObject({
  /** crops.global_crops_size, crops.local_crops_size: pixels of a crop's side. */
  globalSize: count.default(224),
  localSize: count.default(96),
  /** crops.local_crops_number. There are always two global crops. */
  localCount: countOrZero.default(8),
  /** crops.global_crops_scale, crops.local_crops_scale: share of the image's area. */
  globalScale: areaRange.default([0.32, 1]),
  localScale: areaRange.default([0.05, 0.32]),
  /** How often crops are blurred: `released` as the released models were trained, `paper` as the code meant to. */
  blurSemantics: z.enum(["released", "paper"]).default("released"),
  /** Standard deviation of the blur in pixels: `radius_min`, `radius_max` of the official GaussianBlur. Made for 224 pixels. */
  blurSigma: z.tuple([positive, positive]).refine(ascending, "two numbers, the smaller first").default([0.1, 2]),
  /** Of a crop's colours to be jittered, and of the second global crop to be solarised: constants of DataAugmentationDINO. */
  jitterProbability: share.default(0.8),
  solarizeProbability: share.default(0.2),
  /** How far a jitter may change each, as of torchvision's ColorJitter: factors from 1 - b to 1 + b, hue in turns. Constants of DataAugmentationDINO. */
  brightness: notNegative.default(0.4),
  contrast: notNegative.default(0.4),
  saturation: notNegative.default(0.2),
  hue: notNegative.max(0.5).default(0.1),
});

/** Which patches the student does not see. Official section: `ibot.mask_*`. */
const masking = z.strictObject({
  /** ibot.mask_sample_probability: the share of global crops with masked patches. */
  probability: share.default(0.5),
  /** ibot.mask_ratio_min_max: masked share of a masked crop's patches. */
  ratio: shareRange.default([0.1, 0.5]),
  /** Exactly as many patches as asked for, as dinov3 does; else a draw may stop one or two short. No official key. */
  exactCount: z.boolean().default(false),
});

/**
 * What a step costs in time and memory; what it learns stays the same. The switches that are on by default are there to
 * measure what they save (paper, section 5). No official keys: there these are how the code is written.
 */
const efficiency = z.strictObject({
  /** A step's images go through the networks in so many equal parts, whose gradients are summed. */
  accumulationSteps: count.default(1),
  /** Keeps what enters each block for the gradient, and runs the block again on the way back. */
  recomputeBlocks: z.boolean().default(false),
  /** Global and local crops in one packed pass. */
  packCrops: z.boolean().default(true),
  /** Stochastic depth runs a block's branch on the samples that keep it, and on no others. */
  skipDropped: z.boolean().default(true),
  /** The heads run on hidden patches, and on no others. */
  headsOnHiddenOnly: z.boolean().default(true),
});

const data = z.strictObject({
  /** train.batch_size_per_gpu, times the number of GPUs: images of a step. */
  batchSize: count.default(2048),
  /** train.num_workers: threads that decode and augment; null for one per spare core. Does not change the batches. */
  workers: countOrZero.nullable().default(null),
  /** Larger images are left out; in pixels. */
  pixelLimit: count.default(defaultPixelLimit),
  /** The run stops when more than this share of the images read so far could not be used. */
  maxSkippedShare: share.default(0.1),
  /** Memory for decoded images, in MiB: a small set is decoded once. Does not change the batches. */
  cacheMebibytes: countOrZero.default(256),
  /** Tar shards and Parquet files are read in order and mixed within stretches of so many MiB in all; 0 mixes the whole set. */
  shuffleMebibytes: countOrZero.default(256),
  /** Of the images and of the model's input: 1 makes grey and 3 colours of any file; other numbers, files have to have. */
  channels: count.max(mostChannels).default(3),
  /** For each channel, of values 0 to 1; null for ImageNet's, or of other than three channels for their average. */
  mean: z.array(z.number()).nullable().default(null),
  std: z.array(positive).nullable().default(null),
  /** The value in a 16-bit file that counts as 1; larger ones do too. */
  fullScale: count.max(65535).default(65535),
});

/** Official: the constants of `do_train` in `dinov2/train/train.py` (3 × 1250 steps, 3 kept). */
const checkpoint = z.strictObject({
  everySteps: count.default(3750),
  /** The newest ones that stay. */
  keep: count.default(3),
  /** Those of each so many steps stay for ever; null for none. Officially 12500, of the teacher alone (evaluation.eval_period_iterations). */
  keepEverySteps: count.nullable().default(null),
  /** The one that an evaluation during the run found best stays. */
  keepBest: z.boolean().default(true),
});

const log = z.strictObject({
  /** A line of metrics each so many steps. */
  everySteps: count.default(10),
  /** The same for TensorBoard, in RUN/tensorboard. */
  tensorboard: z.boolean().default(true),
});

/** What is looked at while nobody looks; see `watch/run-watch.ts`. The official code stops at the first NaN. */
const watch = z.strictObject({
  /** A step whose loss or gradient is not finite changes nothing; so many in a row stop the run. dinov3 stops at the third. */
  maxNonFiniteSteps: count.default(3),
  /** A loss or a gradient norm spikes so many median absolute deviations above its median over so many steps. */
  spikeThreshold: positive.default(20),
  spikeWindow: z.int().min(2).default(100),
  /** Whether steps that spike change nothing either. */
  skipSpikes: z.boolean().default(false),
  /** Spread of features and targets are measured each so many steps; 0 for never. */
  monitorEverySteps: countOrZero.default(100),
  /** The teacher's class tokens are tested by k-NN each so many steps, and after the last; 0 for never. */
  knnEverySteps: countOrZero.default(0),
  /** Labelled images that vote and that are tested; null for both splits the training images, which then need classes. */
  knnTrain: z.string().min(1).nullable().default(null),
  knnTest: z.string().min(1).nullable().default(null),
  /** At most so many of each, drawn at random; null for all. */
  knnImages: count.nullable().default(10_000),
});

export const recipeSchema = z.strictObject({
  model: model.prefault({}),
  heads: heads.prefault({}),
  loss: loss.prefault({}),
  teacher: teacher.prefault({}),
  optimizer: optimizer.prefault({}),
  schedule: schedule.prefault({}),
  crops: crops.prefault({}),
  masking: masking.prefault({}),
  efficiency: efficiency.prefault({}),
  data: data.prefault({}),
  checkpoint: checkpoint.prefault({}),
  log: log.prefault({}),
  watch: watch.prefault({}),
  /** train.seed: of initial weights, data order, crops, masks and stochastic depth. */
  seed: countOrZero.default(0),
});

/** A complete, checked recipe. */
export type Recipe = z.output<typeof recipeSchema>;
/** Some of a recipe's keys; the rest take their defaults. */
export type RecipeInput = z.input<typeof recipeSchema>;
