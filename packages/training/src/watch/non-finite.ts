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
      `Step ${step}: ${found}, and so were ${inARow} steps in a row (watch.maxNonFiniteSteps). They changed nothing, and the run ` +
        `stops; the last checkpoint is as it was. The batch was: ${shown}; the others are in events.jsonl. ` +
        "If the images are odd, mend them and resume. If they are fine, the weights are spoilt: start again, from an earlier " +
        "checkpoint or from the beginning, with a lower optimizer.learningRate or a longer schedule.warmupSteps.",
    );
  }
}
