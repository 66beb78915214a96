// `dinov2 benchmark retrieval`: find images of the same thing by their features alone.

import { addCommonOptions, addExamples, addImageOptions, Command, type ImageOptions, SOURCE_FORMS } from "@dinov2/cli";
import { addFeatureOptions, type FeatureOptions, MODEL_FORMS } from "./benchmark-options.ts";
import type { MeasureOptions } from "./measure.ts";

export interface RetrievalCommandOptions extends MeasureOptions, ImageOptions, FeatureOptions {
  readonly queries?: string;
}

export function retrievalCommand(): Command {
  const command = new Command("retrieval")
    .summary("rank images of a gallery by their similarity to each query")
    .description(
      "Rank a gallery for each query by the cosine of features, and score the rankings: the revisited Oxford and Paris protocol,\n" +
        "or for labelled images, where those of one label show one thing, top-1, top-5 and mAP. Writes DIR/results.json.",
    )
    .requiredOption("--model <MODEL>", `${MODEL_FORMS}; or pixels, for shrunk pictures as a baseline`)
    .requiredOption("--data <SRC>", `roxford5k:DIR, rparis6k:DIR, or a gallery of labelled images (${SOURCE_FORMS})`)
    .requiredOption("--out <DIR>", "folder for results.json")
    .option("--queries <SRC>", "labelled images to search for (default: each image of the gallery among the others)")
    .option("--untrained", "fresh weights in the model's architecture, a baseline", false);
  addFeatureOptions(addImageOptions(command));
  addCommonOptions(command);
  addExamples(
    command,
    "dinov2 benchmark retrieval --model RUN --data roxford5k:roxford5k/ --out results/",
    "dinov2 benchmark retrieval --model RUN --data catalogue/ --queries photos/ --out results/",
  );
  return command.action(async (options: RetrievalCommandOptions) => {
    const { runRetrieval } = await import("./run-retrieval.ts");
    await runRetrieval(options);
  });
}
