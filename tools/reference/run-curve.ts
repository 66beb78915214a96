// What one training run shows: its losses by step, k-NN of the checkpoints that it kept, and a linear probe of the last one.
// A run of ours has `checkpoints/step-0002000/teacher.safetensors`, one of the official code `step-2000/teacher.pth`.

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import {
  type ClassificationTask,
  type EvaluationContext,
  evaluationSizes,
  type Evaluator,
  FeatureStore,
  type FrozenBackbone,
  knnEvaluator,
  linearEvaluator,
  vitBackbone,
} from "@dinov2/evaluation";
import { InputError, writeFileAtomic } from "@dinov2/foundation";
import { type Point, pointsOf } from "@dinov2/report";
import { readMetrics } from "@dinov2/training";
import { loadModel } from "@dinov2/vit";

export interface RunCurve {
  readonly run: string;
  /** On what: an earlier measurement is taken only where this is the same. */
  readonly protocol: string;
  /** The loss that is optimised, of the logged steps. */
  readonly loss: readonly Point[];
  /** Of each checkpoint, over `some` images; share of 1, 20 neighbours. */
  readonly knn: readonly Point[];
  /** Of the last checkpoint, over all images: the same, and the best linear head on the test images. Not measured without `linearSteps`. */
  readonly final?: { readonly knn: number; readonly linear: number };
}

export interface CurveOptions {
  readonly some: ClassificationTask;
  readonly all: ClassificationTask;
  /** Of the linear heads; 0 to measure on `some` images only. */
  readonly linearSteps: number;
}

const NEIGHBOURS = 20;

/** Measures a run, or takes what `RUN/curve.json` says of an earlier time on the same images. */
export async function runCurve(run: string, options: CurveOptions, say: (message: string) => void): Promise<RunCurve> {
  const kept = join(run, "curve.json");
  const earlier = await readFile(kept, "utf8").catch(() => undefined);
  const protocol = protocolOf(options);
  const known = earlier === undefined ? undefined : (JSON.parse(earlier) as RunCurve);
  if (known?.protocol === protocol) return known;
  const checkpoints = await checkpointsOf(run);
  const last = checkpoints.at(-1);
  if (last === undefined) throw new InputError(`${run} has no checkpoint of a teacher; expected the folder of a finished run.`);
  const knn: Point[] = [];
  for (const { step, weights } of checkpoints) {
    const { top1 } = await measured(weights, options.some);
    knn.push([step, top1]);
    say(`${basename(run)}, step ${step}: k-NN ${percent(top1)} of some images`);
  }
  const final = options.linearSteps > 0 && (await finalMeasures(last.weights, options));
  if (final) say(`${basename(run)}: k-NN ${percent(final.knn)}, linear ${percent(final.linear)}`);
  const curve: RunCurve = { run: basename(run), protocol, loss: pointsOf(await readMetrics(join(run, "metrics.jsonl")), "total_loss"), knn, ...(final && { final }) };
  await writeFileAtomic(kept, JSON.stringify(curve));
  return curve;
}

const protocolOf = ({ some, all, linearSteps }: CurveOptions): string =>
  [some, all].map(({ train, test }) => `${train.length} + ${test.length} images`).join(", ") + `, ${linearSteps} linear steps`;

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

async function checkpointsOf(run: string) {
  const ours = join(run, "checkpoints");
  const ourNames = await readdir(ours).catch(() => undefined);
  const [folder, file] = ourNames ? [ours, "teacher.safetensors"] : [run, "teacher.pth"];
  return (ourNames ?? (await readdir(run)))
    .flatMap((name) => {
      const step = /^step-(\d+)$/.exec(name)?.[1];
      return step === undefined ? [] : [{ step: Number(step), weights: join(folder, name, file) }];
    })
    .sort((a, b) => a.step - b.step);
}

async function finalMeasures(weights: string, { all, linearSteps }: CurveOptions) {
  const { top1, linear } = await measured(weights, all, linearSteps);
  return { knn: top1, linear: linear! };
}

/** k-NN, and with `linearSteps` linear heads on the same features: the images go through the network once. */
async function measured(weights: string, task: ClassificationTask, linearSteps = 0): Promise<{ top1: number; linear?: number }> {
  const model = await loadModel(weights);
  const folder = await mkdtemp(join(tmpdir(), "dinov2-curve-"));
  try {
    // The images are as small as the crops: none of their border is cut off.
    const backbone = vitBackbone(weights, model, evaluationSizes(model.config, { resizeSize: model.config.imageSize }));
    const context = { task, seed: 0, batchSize: 256, ...(linearSteps > 0 && { store: new FeatureStore(folder) }) };
    const top1 = await metricOf(knnEvaluator({ ks: [NEIGHBOURS] }), backbone, context, `k${NEIGHBOURS}.top1`);
    if (linearSteps === 0) return { top1 };
    return { top1, linear: await metricOf(linearEvaluator({ steps: linearSteps }), backbone, context, "linear.top1") };
  } finally {
    model.dispose();
    await rm(folder, { recursive: true });
  }
}

async function metricOf(evaluator: Evaluator, backbone: FrozenBackbone, context: EvaluationContext, wanted: string): Promise<number> {
  for await (const { metric, value } of evaluator.run(backbone, context)) if (metric === wanted) return value;
  throw new Error(`The evaluator gave no ${wanted}.`);
}
