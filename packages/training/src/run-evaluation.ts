// A measure of the teacher during a run, such as k-NN. What it is comes from outside: this package knows no evaluator.

import type { VisionTransformer } from "@dinov2/vit";
import type { CheckpointMetric } from "./checkpoint.ts";
import type { TrainingState } from "./training-state.ts";
import type { RunWatch } from "./watch/run-watch.ts";

export interface RunEvaluation {
  /** Of the measures the one by which the best checkpoint is kept; higher is better. */
  readonly metric: string;
  /** The measures of a backbone, by the names of the metrics log. The backbone stays the run's; no tensor stays behind. */
  measure(backbone: VisionTransformer): Promise<Readonly<Record<string, number>>>;
}

/** @returns what was measured; nothing when there is no evaluation, or it failed, which is no reason to end a run */
export async function evaluate(
  { evaluation, state, watch }: { evaluation?: RunEvaluation; state: TrainingState; watch: RunWatch },
  step: number,
): Promise<{ measures: Readonly<Record<string, number>>; metric: CheckpointMetric | undefined } | undefined> {
  if (!evaluation) return undefined;
  try {
    const measures = await evaluation.measure(state.teacher.backbone);
    const value = measures[evaluation.metric];
    return { measures, metric: value === undefined ? undefined : { name: evaluation.metric, value } };
  } catch (error) {
    await watch.say(step, "evaluation", `the evaluation failed: ${(error as Error).message} Training goes on.`);
    return undefined;
  }
}
