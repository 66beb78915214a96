// What a step of 52 linear heads at once costs beside one's, on the engine that `auto` takes (DINOV2_BACKEND
// chooses another). In the published protocol the frozen network sees new crops each step, and its forward is part of
// the step; with features taken once the heads are all there is.

import { blockInputs, LinearHeads, OFFICIAL_BATCH, OFFICIAL_LEARNING_RATES, oneHotRows, vitBackbone } from "@dinov2/evaluation";
import { median } from "@dinov2/foundation";
import { backendFromEnvironment, RandomStream, tf, useBackend } from "@dinov2/tensor";
import { vitConfig, VisionTransformer } from "@dinov2/vit";
import type { BenchOptions, BenchReport, BenchRow } from "./measure.ts";

const BLOCKS = 4;
/** Images in one forward, of which several make the batch: a whole batch of 224 pixels would take gigabytes. */
const FORWARD_BATCH = 16;

export async function run({ rounds = 5, onProgress = () => {} }: BenchOptions = {}): Promise<BenchReport> {
  const backend = await useBackend(backendFromEnvironment());
  const config = vitConfig("small", { patchSize: 14, imageSize: 224 });
  onProgress("Measuring: the frozen forward.");
  const forward = await forwardMilliseconds(VisionTransformer.create(config, RandomStream.fromSeed(0)), Math.min(rounds, 3));
  onProgress("Measuring: heads of 1,000 classes.");
  const imagenet = await headMilliseconds(config.embedDim, 1000, Math.min(rounds, 3));
  onProgress("Measuring: heads of 10 classes.");
  const small = await headMilliseconds(192, 10, 10 * rounds);
  return {
    bench: "linear",
    versions: { backend: backend.name, engine: backend.engine },
    rows: [
      {
        ...rowOf("ViT-S/14, 1,000 classes, new crops each step", { all: forward + imagenet.all, one: forward + imagenet.one }),
        target: 1 / 1.3,
        note: `of which the frozen forward of ${OFFICIAL_BATCH} images takes ${Math.round(forward)} ms, measured on ${FORWARD_BATCH}`,
      },
      { ...rowOf("width 384, 1,000 classes, features taken once", imagenet), note: flopsNote(imagenet) },
      { ...rowOf("width 192, 10 classes, features taken once", small), note: flopsNote(small) },
    ],
  };
}

/** A batch's forward, to the features that all heads read. */
async function forwardMilliseconds(model: VisionTransformer, rounds: number): Promise<number> {
  const { features } = vitBackbone("fresh", model).blocks!;
  const { imageSize } = model.config;
  const images = tf.randomNormal([FORWARD_BATCH, 3, imageSize, imageSize]) as tf.Tensor4D;
  const milliseconds = await timeRounds(rounds, () => features(images, BLOCKS));
  images.dispose();
  model.dispose();
  return (milliseconds * OFFICIAL_BATCH) / FORWARD_BATCH;
}

interface HeadTimes {
  /** Milliseconds of a step of all heads of the grid, and of one on the last class token. */
  readonly all: number;
  readonly one: number;
  /** Operations of their products. */
  readonly flops: { readonly all: number; readonly one: number };
}

async function headMilliseconds(width: number, classCount: number, rounds: number): Promise<HeadTimes> {
  const random = RandomStream.fromSeed(0);
  const batch = tf.randomNormal([OFFICIAL_BATCH, (BLOCKS + 1) * width]) as tf.Tensor2D;
  const oneHot = oneHotRows(Array.from({ length: OFFICIAL_BATCH }, (_, row) => row % classCount), classCount);
  const inputs = blockInputs(width, BLOCKS);
  const grid = inputs.map((input) => new LinearHeads(input, OFFICIAL_LEARNING_RATES, classCount, random));
  const single = [new LinearHeads(inputs[0]!, [0.01], classCount, random)];
  const step = (groups: readonly LinearHeads[]) => () => {
    for (const group of groups) group.step(batch, oneHot, 0.5);
    // The last of the work, so that reading it waits for all.
    return tf.slice(groups.at(-1)!.bias, 0, 1);
  };
  const [all, one] = [await timeRounds(rounds, step(grid)), await timeRounds(rounds, step(single))];
  // A product forward and one back.
  const flops = (groups: readonly LinearHeads[]) => groups.reduce((sum, { weight }) => sum + 4 * OFFICIAL_BATCH * weight.size, 0);
  const result = { all, one, flops: { all: flops(grid), one: flops(single) } };
  for (const group of [...grid, ...single]) group.dispose();
  tf.dispose([batch, oneHot]);
  return result;
}

/** The median of some rounds after one that warms up. */
async function timeRounds(rounds: number, compute: () => tf.Tensor): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const start = performance.now();
    const result = compute();
    await result.data();
    result.dispose();
    if (round > 0) times.push(performance.now() - start);
  }
  return median(times);
}

const rowOf = (name: string, { all, one }: Omit<HeadTimes, "flops">): BenchRow => ({
  name,
  unit: "ms/step",
  ours: all,
  peer: one,
  peerName: "one head",
  ratio: one / all,
});

function flopsNote({ flops }: HeadTimes): string {
  const { all, one } = flops;
  return `${(all / 1e9).toPrecision(3)} GFLOP of products beside ${(one / 1e9).toPrecision(3)}: ${Math.round(all / one)} times the work`;
}
