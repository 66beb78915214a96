import type { StepMeasures } from "../pretrain-step.ts";

/** A run stopped: too many steps in a row had a loss or a gradient that is not a finite number. */
export class NonFiniteStepsError extends Error {
  override readonly name = "NonFiniteStepsError";

  /** @param found what was not finite in the last one, in words; `files` its images */
  constructor(
    readonly step: number,
    readonly inARow: number,
    found: string,
    files: readonly string[],
  ) {
    const shown = files.slice(0, 8).join(", ") + (files.length > 8 ? `, and ${files.length - 8} more` : "");
    super(
      `Step ${step}: ${found}. ${inARow} steps in a row were not finite (watch.maxNonFiniteSteps), so the run stops. They changed ` +
        `nothing, and what was saved before stays. The images: ${shown}; those of the other steps are in events.jsonl. ` +
        "If they are odd, mend them and resume. If they are fine, the weights are spoilt: start again, from an earlier " +
        "checkpoint or from the beginning, with a lower optimizer.learningRate or a longer schedule.warmupSteps.",
    );
  }
}

/** What of a step was not finite, in words, the total first: "total_loss is NaN and 6 more". Where one loss is, many are. */
export function describeNonFinite(measures: StepMeasures): string {
  const broken = Object.keys(measures).filter((name) => !Number.isFinite(measures[name]));
  const first = broken.includes("total_loss") ? "total_loss" : broken[0]!;
  return `${first} is ${measures[first]}${broken.length > 1 ? ` and ${broken.length - 1} more` : ""}`;
}
