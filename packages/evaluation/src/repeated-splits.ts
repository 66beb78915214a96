// One measure on several random splits of one labelled set: on small sets, which images happen to be tested on moves a number by points.

import { InputError } from "@dinov2/foundation";
import type { FrozenBackbone } from "./backbone.ts";
import type { EvaluationContext, Evaluator, Measurement } from "./evaluator.ts";
import { FeatureMemory } from "./feature-memory.ts";
import { fingerprint, type OpenedTask, openTask, type TaskOptions } from "./task.ts";

/**
 * So many random splits of one set, of consecutive seeds from `seed` on.
 * @throws InputError for data with sides of its own, whose splits would all be the same
 */
export async function openSplits(options: TaskOptions, count: number): Promise<OpenedTask[]> {
  const tasks: OpenedTask[] = [];
  for (let i = 0; i < count; i++) tasks.push(await openTask({ ...options, seed: options.seed + i }));
  if (count > 1 && fingerprint(tasks[0]!) === fingerprint(tasks[1]!)) {
    throw new InputError(`${options.data} gives the same two sides every time (${tasks[0]!.origin}); leave --splits ${count} out, or name one labelled set without sides.`);
  }
  return tasks;
}

/**
 * The mean of every metric over tasks that share their images, and as `….sd` its sample standard deviation; the note has each
 * split's value. The seed of an evaluator is that of its split. The frozen network sees each image once.
 */
export async function* measureSplits(
  evaluator: Evaluator,
  backbone: FrozenBackbone,
  tasks: readonly OpenedTask[],
  context: Omit<EvaluationContext, "task" | "found">,
): AsyncGenerator<Measurement> {
  const memory = new FeatureMemory(context.store);
  const collected = new Map<string, Measurement[]>();
  for (const [i, task] of tasks.entries()) {
    for await (const measurement of evaluator.run(backbone, { ...context, task, store: memory, seed: context.seed + i })) {
      const before = collected.get(measurement.metric);
      if (before) before.push(measurement);
      else collected.set(measurement.metric, [measurement]);
    }
  }
  for (const [metric, measurements] of collected) {
    const values = measurements.map(({ value }) => value);
    const { mean, deviation } = spread(values);
    const notes = new Set(measurements.flatMap(({ note }) => note ?? []));
    yield { metric, value: mean, note: [`splits ${values.map((value) => value.toFixed(4)).join(" ")}`, ...notes].join("; ") };
    yield { metric: `${metric}.sd`, value: deviation };
  }
}

/** With n - 1 in the deviation. */
function spread(values: readonly number[]): { readonly mean: number; readonly deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (values.length - 1)) };
}
