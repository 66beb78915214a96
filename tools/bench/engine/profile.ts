// Where our training step's time goes: each kernel of the backend, summed over steps.

import { type Precision, RandomStream, tf } from "@dinov2/tensor";
import { createSchedules, createTrainingState, disposeBatch, disposeTrainingState, pretrainStep } from "@dinov2/training";
import type { BenchRow } from "../measure.ts";
import { noiseBatch } from "../noise-batch.ts";
import { startEngine } from "./ours.ts";
import { stepRecipe } from "./step-recipe.ts";

interface KernelTime {
  calls: number;
  milliseconds: number;
}

/** A row for each kernel, the most expensive first, and one for all that is no kernel. */
export async function profileTrainStep(precision: Precision, steps: number): Promise<BenchRow[]> {
  await startEngine(precision);
  const state = createTrainingState(stepRecipe);
  const batch = noiseBatch(stepRecipe);
  const settings = createSchedules(stepRecipe)(stepRecipe.schedule.warmupSteps);
  const random = RandomStream.fromSeed(0);
  await pretrainStep(state, batch, settings, stepRecipe, random.split("warm-up"));

  const watch = watchKernels();
  const start = performance.now();
  for (let step = 0; step < steps; step++) await pretrainStep(state, batch, settings, stepRecipe, random.split(step));
  const total = (performance.now() - start) / steps;
  watch.stop();
  disposeBatch(batch);
  disposeTrainingState(state);

  const row = (name: string, milliseconds: number, calls?: number): BenchRow => {
    const share = `${((100 * milliseconds) / total).toFixed(1)} % of the step`;
    const note = calls === undefined ? share : `${share}, ${calls / steps} calls`;
    return { name: `${name}, ${precision}`, unit: "ms/step", ours: milliseconds, peer: null, peerName: "none", ratio: null, note };
  };
  const kernels = [...watch.times].sort(([, a], [, b]) => b.milliseconds - a.milliseconds);
  const inKernels = kernels.reduce((sum, [, { milliseconds }]) => sum + milliseconds, 0) / steps;
  return [
    row("whole step", total),
    ...kernels.map(([name, { milliseconds, calls }]) => row(name, milliseconds / steps, calls)),
    row("outside kernels", total - inKernels),
  ];
}

/** Puts a clock around every kernel of the current backend. A kernel that calls another one is charged for both. */
function watchKernels(): { times: Map<string, KernelTime>; stop(): void } {
  const times = new Map<string, KernelTime>();
  const kernels = tf.getKernelsForBackend(tf.getBackend());
  let depth = 0;
  const timed = ({ kernelName, kernelFunc }: tf.KernelConfig): tf.KernelFunc => (params) => {
    const start = performance.now();
    depth += 1;
    try {
      return kernelFunc(params);
    } finally {
      depth -= 1;
      if (depth === 0) {
        const time = times.get(kernelName) ?? { calls: 0, milliseconds: 0 };
        times.set(kernelName, { calls: time.calls + 1, milliseconds: time.milliseconds + performance.now() - start });
      }
    }
  };
  const originals = kernels.map((kernel) => ({ kernel, kernelFunc: kernel.kernelFunc }));
  for (const kernel of kernels) kernel.kernelFunc = timed({ ...kernel });
  return {
    times,
    stop: () => {
      for (const { kernel, kernelFunc } of originals) kernel.kernelFunc = kernelFunc;
    },
  };
}
