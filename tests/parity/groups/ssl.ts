// Whole training steps against the official `SSLMetaArch`: one step's losses and gradients, then six full
// iterations with schedules, clipping, AdamW and moving average.

import { dirname } from "node:path";
import { maskBudget, stackMasks } from "@dinov2/data";
import { RandomStream, tf } from "@dinov2/tensor";
import {
  createTrainingState,
  disposeTrainingState,
  namedParameters,
  type Network,
  parseRecipe,
  pretrainStep,
  type Recipe,
  stepGradients,
  type StepSettings,
  type TrainingBatch,
  type TrainingState,
} from "@dinov2/training";
import type { GoldenCase } from "../harness.ts";
import {
  compareFact,
  compareNumbers,
  compareTensor,
  compareValue,
  type Check,
  type Comparison,
  readGoldenFolder,
  type Tolerance,
} from "../harness.ts";

type Numbers = Record<string, number>;
type NumericTolerance = { atol: number; rtol: number };

interface Iteration {
  readonly sched: {
    readonly lr: number;
    readonly wd: number;
    readonly mom: number;
    readonly teacher_temp: number;
    readonly last_layer_lr: number;
  };
  readonly losses: Numbers;
  readonly total: number;
  readonly clip_norms: Numbers;
}

export const check: Check = async (golden) =>
  "weights_file" in golden.attributes ? checkRun(golden, sharedInputs(golden)) : checkBatches(golden);

/** The case whose file holds the weights and batches that several cases start from. */
function sharedInputs(golden: GoldenCase): GoldenCase {
  const file = golden.path(golden.attribute<string>("weights_file"));
  const shared = readGoldenFolder(dirname(file)).find((other) => other.path() === file);
  if (!shared) throw new Error(`No case has the file ${file} that ${golden.id} names.`);
  return shared;
}

async function checkRun(golden: GoldenCase, shared: GoldenCase): Promise<Comparison[]> {
  const recipe = recipeOf(golden, shared);
  const state = createTrainingState(recipe);
  try {
    loadWeights(state, shared);
    const firstStep = await checkGradients(golden, recipe, state, batchOf(shared, 0));
    // The gradients' pass has moved the centres: start the iterations from zero.
    for (const center of Object.values(state.centers ?? {})) center.assign(tf.zerosLike(center));
    return [...firstStep, ...(await checkIterations(golden, shared, recipe, state))];
  } finally {
    disposeTrainingState(state);
  }
}

function recipeOf(golden: GoldenCase, shared: GoldenCase): Recipe {
  const of = <T>(name: string) => shared.attribute<T>(name);
  const names = shared.names("w.student.");
  const headOf = (name: string) => ({
    prototypes: shared.tensor(`w.student.${name}.last_layer.weight_g`).shape[0]!,
    layers: names.filter((weight) => new RegExp(`${name}\\.mlp\\.\\d+\\.weight`).test(weight)).length,
    hiddenDim: of<number>("hidden"),
    bottleneckDim: of<number>("bottleneck"),
  });
  const chunks = names
    .flatMap((name) => /blocks\.(\d+)\.\d+\./.exec(name)?.[1] ?? [])
    .map((chunk) => Number(chunk) + 1);
  return parseRecipe({
    model: {
      size: "small",
      embedDim: of("embed"),
      depth: of("depth"),
      numHeads: of("heads"),
      patchSize: of("patch"),
      ffnLayer: of("ffn"),
      layerScale: of("layerscale"),
      registerTokens: of("reg"),
      dropPathRate: 0,
      blockChunks: Math.max(0, ...chunks),
      interpolateAntialias: of("aa"),
      interpolateOffset: of("off"),
    },
    heads: { dino: headOf("dino_head"), ibot: { separate: golden.attribute("separate_head"), ...headOf("ibot_head") } },
    loss: {
      dinoWeight: golden.attribute("dino_loss_weight"),
      ibotWeight: golden.attribute("ibot_loss_weight"),
      koleoWeight: golden.attribute("koleo_loss_weight"),
    },
    teacher: { targets: golden.attribute<string>("centering") === "centering" ? "centering" : "sinkhorn-knopp" },
    // Layer-wise decay and the patch embedding's factor are not recorded: the official defaults, unless they are.
    optimizer: {
      clipNorm: of("clip"),
      layerwiseDecay: (golden.attributes["layerwise_decay"] as number | undefined) ?? 0.9,
      patchEmbedMultiplier: (golden.attributes["patch_embed_lr_mult"] as number | undefined) ?? 0.2,
    },
    crops: { globalSize: of("gsz"), localSize: of("lsz"), localCount: of("nl") },
    data: { batchSize: of("B") },
  });
}

function loadWeights(state: TrainingState, shared: GoldenCase): void {
  const load = (network: Network, prefix: string) => {
    for (const [name, variable] of namedParameters(network)) {
      const { data, shape } = shared.tensor(`${prefix}.${name}`);
      tf.tidy(() => variable.assign(tf.tensor(data as Float32Array, [...shape], "float32")));
    }
  };
  load(state.student, "w.student");
  load(state.teacher, "w.teacher");
}

/** Batch `index` of the case; crops after the first batch's are those, rolled (the case's notes). */
function batchOf(shared: GoldenCase, index: number): TrainingBatch {
  const input = (name: string) => shared.tensor(`in.batch${index}.${name}`);
  const crops = (name: string): tf.Tensor4D => {
    const stored = `in.batch${index}.${name}`;
    const { data, shape } = shared.tensor(shared.has(stored) ? stored : `in.batch0.${name}`);
    const values = shared.has(stored) ? data : rolled(data as Float32Array, shape, index);
    return tf.tensor4d(values as Float32Array, shape as [number, number, number, number], "float32");
  };
  const masks = input("collated_masks");
  return {
    globalCrops: crops("collated_global_crops"),
    localCrops: shared.attribute<number>("nl") > 0 ? crops("collated_local_crops") : null,
    masks: tf.tensor2d(masks.data as Uint8Array, masks.shape as [number, number], "bool"),
    maskIndices: Int32Array.from(input("mask_indices_list").data),
    maskWeights: tf.tensor1d(input("masks_weight").data as Float32Array),
  };
}

/** torch.roll by (b, 5b, 3b) over images, rows and columns: out[i, c, y, x] = in[i - b, c, y - 5b, x - 3b]. */
function rolled(data: Float32Array, shape: readonly number[], b: number): Float32Array {
  const [images, channels, height, width] = shape as [number, number, number, number];
  const back = (i: number, by: number, size: number) => (((i - by) % size) + size) % size;
  const out = new Float32Array(data.length);
  let at = 0;
  for (let i = 0; i < images; i++) {
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height; y++) {
        const row = ((back(i, b, images) * channels + c) * height + back(y, 5 * b, height)) * width;
        for (let x = 0; x < width; x++) out[at++] = data[row + back(x, 3 * b, width)]!;
      }
    }
  }
  return out;
}

/** The shared batches by themselves: what collation makes of the masks, and the size of its buffers. */
function checkBatches(golden: GoldenCase): Promise<Comparison[]> {
  const options = golden.attribute<{ mask_ratio_tuple: [number, number]; mask_probability: number }>("collate");
  const batches = golden.names("in.").filter((name) => name.endsWith(".collated_masks")).length;
  const comparisons = Array.from({ length: batches }, (_, i) => {
    const { data, shape } = golden.tensor(`in.batch${i}.collated_masks`);
    const [crops, patches] = shape as [number, number];
    const ofCrops = Array.from({ length: crops }, (_, c) => (data as Uint8Array).slice(c * patches, (c + 1) * patches));
    const { maskIndices, maskWeights } = stackMasks(ofCrops, patches);
    const budget = maskBudget(crops, patches, {
      maskRatio: options.mask_ratio_tuple,
      maskProbability: options.mask_probability,
    });
    const exactly = (name: string, got: ArrayLike<number>) =>
      compareNumbers(`batch${i}.${name}`, got, golden.tensor(`in.batch${i}.${name}`).data, { atol: 0, rtol: 0 });
    return [
      exactly("mask_indices_list", maskIndices),
      exactly("masks_weight", maskWeights),
      compareValue(golden, `batch${i}.n_masked_patches`, maskIndices.length),
      compareValue(golden, `batch${i}.upperbound`, budget.upperbound),
    ];
  });
  return Promise.resolve(comparisons.flat());
}

const disposeBatch = (batch: TrainingBatch) =>
  tf.dispose([batch.globalCrops, batch.localCrops ?? [], batch.masks, batch.maskWeights]);

/** The names and the factor under which the reference shows the terms: KoLeo and iBOT at half their weight. */
const displayed = (losses: Numbers): Numbers => ({
  ...(losses.dino_local_crops_loss !== undefined && { dino_local_crops_loss: losses.dino_local_crops_loss }),
  dino_global_crops_loss: losses.dino_global_crops_loss!,
  koleo_loss: losses.koleo_loss! / 2,
  ibot_loss: losses.ibot_loss! / 2,
});

async function checkGradients(
  golden: GoldenCase,
  recipe: Recipe,
  state: TrainingState,
  batch: TrainingBatch,
): Promise<Comparison[]> {
  const { teacher_temp } = golden.value<Iteration[]>("trajectory")[0]!.sched;
  const { losses, gradients } = tf.tidy(() => {
    const step = stepGradients(state, batch, { teacherTemperature: teacher_temp }, recipe, RandomStream.fromSeed(0));
    return { losses: step.losses, gradients: Object.fromEntries(step.gradients) };
  });
  const values: Numbers = {};
  for (const [name, loss] of Object.entries(losses)) values[name] = (await loss.data())[0]!;
  const got = new Map<string, Float32Array>();
  for (const [name, gradient] of Object.entries(gradients)) got.set(name, (await gradient.data()) as Float32Array);

  const shown: Numbers = { ...displayed(values), total_loss: values.total_loss! };
  const comparisons = Object.entries(shown).map(([name, value]) => compareValue(golden, `step0.${name}`, value));
  for (const name of golden.names("grad.step0.")) {
    const parameter = name.slice("grad.step0.".length);
    comparisons.push(
      compareTensor(golden, name, { shape: gradients[parameter]?.shape ?? [], data: got.get(parameter) ?? [] }),
    );
  }
  const norms = Object.fromEntries([...got].map(([name, data]) => [name, Math.hypot(...chunkNorms(data))]));
  comparisons.push(...compareNamed(golden, "step0.grad_l2_norms", norms));
  const without = [...namedParameters(state.student).keys()].filter((name) => !got.has(name));
  const expected = golden.value<string[]>("params_without_gradient_at_step0");
  comparisons.push(
    compareFact(
      "params_without_gradient_at_step0",
      without.join() === expected.join(),
      `got ${without.join()}, expected ${expected.join()}`,
    ),
  );
  tf.dispose([Object.values(losses), Object.values(gradients)]);
  disposeBatch(batch);
  return comparisons;
}

async function checkIterations(
  golden: GoldenCase,
  shared: GoldenCase,
  recipe: Recipe,
  state: TrainingState,
): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  const tolerance = golden.tolerance("trajectory") as Tolerance & NumericTolerance;
  const batches = shared.names("in.").filter((name) => name.endsWith(".collated_masks")).length;
  const centers = { "dino_loss.center": state.centers?.dino, "ibot_patch_loss.center": state.centers?.ibot };
  const centersInUse: Record<string, Float32Array> = {};
  for (const [i, iteration] of golden.value<Iteration[]>("trajectory").entries()) {
    for (const [name, center] of Object.entries(centers)) {
      if (center) centersInUse[name] = Float32Array.from(await center.data());
    }
    const batch = batchOf(shared, i % batches);
    const measured = await pretrainStep(state, batch, settingsOf(iteration), recipe, RandomStream.fromSeed(i));
    disposeBatch(batch);
    const norms = Object.fromEntries(
      Object.keys(iteration.clip_norms).map((name) => [name, measured[`gradient_norm_${name}`]!]),
    );
    const got: Numbers = { ...displayed(measured), total: measured.total_loss!, ...norms };
    const expected: Numbers = { ...iteration.losses, total: iteration.total, ...iteration.clip_norms };
    for (const [name, value] of Object.entries(expected)) {
      comparisons.push(compareNumbers(`trajectory.${i}.${name}`, [got[name] ?? NaN], [value], tolerance));
    }
  }
  return [...comparisons, ...(await checkEnd(golden, shared, state, centersInUse))];
}

const settingsOf = ({ sched }: Iteration): StepSettings => ({
  learningRate: sched.lr,
  lastLayerLearningRate: sched.last_layer_lr,
  weightDecay: sched.wd,
  teacherMomentum: sched.mom,
  teacherTemperature: sched.teacher_temp,
});

/** Final weights, how far each has moved, and the centres (officially the ones that the last iteration used). */
async function checkEnd(
  golden: GoldenCase,
  shared: GoldenCase,
  state: TrainingState,
  centers: Record<string, Float32Array>,
): Promise<Comparison[]> {
  const final = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const side of ["student", "teacher"] as const) {
    for (const [name, variable] of namedParameters(state[side])) {
      final.set(`${side}.${name}`, { shape: variable.shape, data: (await variable.data()) as Float32Array });
    }
  }
  const comparisons = golden.names("out.final.").map((name) => {
    const key = name.slice("out.final.".length);
    const center = centers[key];
    return compareTensor(golden, name, center ? { shape: golden.tensor(name).shape, data: center } : final.get(key)!);
  });
  const distances: Numbers = {};
  for (const name of namedParameters(state.student).keys()) {
    const start = shared.tensor(`w.student.${name}`).data;
    distances[name] = Math.hypot(
      ...chunkNorms(final.get(`student.${name}`)!.data.map((value, i) => value - start[i]!)),
    );
  }
  return [...comparisons, ...compareNamed(golden, "final.param_l2_distance_from_start", distances)];
}

/** Norms of parts of a long list, so that `Math.hypot(...)` of them fits the stack. */
function chunkNorms(data: Float32Array): number[] {
  const norms: number[] = [];
  for (let i = 0; i < data.length; i += 4096) norms.push(Math.hypot(...data.subarray(i, i + 4096)));
  return norms;
}

function compareNamed(golden: GoldenCase, name: string, got: Numbers): Comparison[] {
  const tolerance = golden.tolerance(name) as NumericTolerance;
  return Object.entries(golden.value<Numbers>(name)).map(([key, expected]) =>
    compareNumbers(`${name}.${key}`, [got[key] ?? NaN], [expected], tolerance),
  );
}
