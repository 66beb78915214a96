// The options of `dinov2 pretrain`. What it does is in `main.ts`.

import { addCommonOptions, addExamples, Command, type CommonOptions, requireWritable } from "@dinov2/cli";
import { InputError } from "@dinov2/foundation";
import { listRecipes } from "@dinov2/training";
import { main, type PretrainCommandOptions } from "./main.ts";

const collect = (value: string, before: readonly string[] = []) => [...before, value];

type ParsedOptions = CommonOptions & Omit<PretrainCommandOptions, "seedIsGiven">;

export function pretrainCommand(): Command {
  const command = new Command("pretrain")
    .description(
      "Trains a vision transformer on images without labels (DINOv2: a student learns from its teacher).\n" +
        "The run folder gets config.json, metrics.jsonl and checkpoints; `extract` and `benchmark` read it.",
    )
    .option("--recipe <name|file>", "what to train and how: a recipe's name or a YAML file")
    .requiredOption("--data <source>", "images: a folder, a glob or a CSV manifest")
    .requiredOption("--out <folder>", "run folder: new or empty, or with --resume the run to go on with")
    .option("--set <key=value>", "changes a key of the recipe, may be repeated", collect)
    .option("--init <model>", "start from weights: a run folder, .safetensors, .pth or Hugging Face folder")
    .option("--init-partial", "with --init: take what fits and leave the rest at random, instead of refusing", false)
    .option("--resume", "go on from the run's last checkpoint, with the run's own recipe", false)
    .action(async (options: ParsedOptions) => {
      if (!options.recipe && !options.resume) {
        throw new InputError(`--recipe is missing; give a YAML file or one of: ${(await listRecipes()).join(", ")}.`);
      }
      if (options.initPartial && !options.init) {
        throw new InputError("--init-partial says how to take the weights of --init, which is missing; give both or none.");
      }
      await requireWritable("--out", options.out, "folder");
      await main({ ...options, seedIsGiven: command.getOptionValueSource("seed") === "cli" });
    });
  return addExamples(
    addCommonOptions(command),
    "dinov2 pretrain --recipe vitti8-demo --data photos/ --out runs/first",
    "dinov2 pretrain --recipe vits14-folder --data photos/ --out runs/small --set data.batchSize=32",
    "dinov2 pretrain --data photos/ --out runs/first --resume",
  );
}
