// `dinov2 benchmark logistic`: the best that a linear classifier with a penalty can do on the features, found exactly.

import { addCommonOptions, addExamples, Command, parseFraction, parsePositiveInteger, parsePositiveNumbers } from "@dinov2/cli";
import { addBenchmarkOptions, type BenchmarkOptions, run } from "./benchmark-options.ts";

interface LogisticCommandOptions extends BenchmarkOptions {
  readonly selectionData?: string;
  readonly cs?: number[];
  readonly heldOut: number;
  readonly maxIterations: number;
}

export function logisticCommand(): Command {
  const command = new Command("logistic");
  addBenchmarkOptions(command)
    .summary("classify images by logistic regression on the frozen features")
    .description(
      "Fit logistic regression to the features of all training images, with the strength C chosen on a part of them, and test it.\n" +
        "Writes DIR/results.json and prints top-1 and top-5 accuracy. Images are resized to the crop, so that it is as large as it can be.",
    )
    .option("--cs <list>", "inverse strengths of the penalty to choose from (default: the published 45, 1e-6 to 1e5)", parsePositiveNumbers)
    .option("--held-out <share>", "of the training images, to choose C on", parseFraction, 0.1)
    .option("--selection-data <SRC>", "images to choose C on, in place of held-out ones; the last fit is to them too")
    .option("--max-iterations <N>", "of the solver, for each C", parsePositiveInteger, 1000);
  addCommonOptions(command);
  addExamples(
    command,
    "dinov2 benchmark logistic --model RUN --data photos/ --out results/",
    "dinov2 benchmark logistic --model RUN --data train/ --selection-data val/ --test-data test/ --out results/",
  );
  return command.action(async (options: LogisticCommandOptions) => {
    const { logisticEvaluator, OFFICIAL_CS } = await import("@dinov2/evaluation");
    const { cs = OFFICIAL_CS, heldOut: heldOutShare, maxIterations, selectionData } = options;
    const protocol = { cs, maxIterations, ...(selectionData === undefined ? { heldOutShare } : { selectionData }) };
    await run({ evaluator: logisticEvaluator({ cs, maxIterations, heldOutShare }), protocol }, { ...options, whole: true });
  });
}
