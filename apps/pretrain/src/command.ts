// The options of `dinov2 pretrain`. What it does is in `main.ts`.

import {
  addCommonOptions,
  addExamples,
  Command,
  type CommonOptions,
  Option,
  parsePositiveInteger,
  parsePositiveNumber,
  requireWritable,
  SOURCE_FORMS,
} from "@dinov2/cli";
import { InputError } from "@dinov2/foundation";
import { accelerators, listRecipes } from "@dinov2/training";
import { main, type PretrainCommandOptions } from "./main.ts";
import { type PlanCommandOptions, printPlan } from "./plan.ts";

const collect = (value: string, before: readonly string[] = []) => [...before, value];

type ParsedOptions = CommonOptions &
  Omit<PretrainCommandOptions, "seedIsGiven" | "data" | "out"> &
  Partial<Pick<PretrainCommandOptions, "data" | "out">> &
  Omit<PlanCommandOptions, "recipe"> & { readonly plan: boolean };

/** Options that only `--plan` reads. */
const planOptions = ["gpus", "gpu", "gpuTflops"] as const;

export function pretrainCommand(): Command {
  const command = new Command("pretrain")
    .description(
      "Trains a vision transformer on images without labels (DINOv2: a student learns from its teacher).\n" +
        "The run folder gets config.json, metrics.jsonl and checkpoints; `extract` and `benchmark` read it.",
    )
    .option("--recipe <name|file>", "what to train and how: a recipe's name or a YAML file")
    .option("--data <source>", `images: ${SOURCE_FORMS}`)
    .option("--out <folder>", "run folder: new or empty, or with --resume the run to go on with")
    .option("--set <key=value>", "changes a key of the recipe, may be repeated", collect)
    .option("--init <model>", "start from weights: a run folder, .safetensors, .pth or Hugging Face folder")
    .option("--init-partial", "with --init: take what fits and leave the rest at random, instead of refusing", false)
    .option("--resume", "go on from the run's last checkpoint, with the run's own recipe", false)
    .option("--plan", "print what the recipe will take, and run nothing: parameters, memory, arithmetic, days", false)
    .option("--gpus <N>", "with --plan: GPUs that share a batch", parsePositiveInteger, 1)
    .addOption(new Option("--gpu <name>", "with --plan: what they are").choices(accelerators).default("a100"))
    .option("--gpu-tflops <N>", "with --plan: what each achieves (default: a third of its peak)", parsePositiveNumber)
    .action(async (options: ParsedOptions) => {
      const typed = (name: string) => command.getOptionValueSource(name) === "cli";
      if (options.plan) {
        const recipe = options.recipe ?? (await missingRecipe());
        // 16 bits unless told otherwise, as the published runs were trained.
        await printPlan({ ...options, recipe, precision: typed("precision") ? options.precision : "bf16" });
        return;
      }
      const stray = planOptions.find(typed);
      if (stray) throw new InputError(`${flag(stray)} belongs to --plan, which is missing; a run takes the machine it is on.`);
      await main({ ...(await requireRunnable(options)), seedIsGiven: typed("seed") });
    });
  return addExamples(
    addCommonOptions(command),
    "dinov2 pretrain --recipe vitti8-demo --data photos/ --out runs/first",
    "dinov2 pretrain --recipe vits14-folder --data photos/ --out runs/small --set data.batchSize=32",
    "dinov2 pretrain --data photos/ --out runs/first --resume",
    "dinov2 pretrain --recipe highres-518 --init runs/vitl14 --data photos/ --out runs/vitl14-518",
    "dinov2 pretrain --recipe vitl14-long-imagenet22k --plan --gpus 96",
  );
}

const flag = (name: string) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

async function missingRecipe(): Promise<never> {
  throw new InputError(`--recipe is missing; give a YAML file or one of: ${(await listRecipes()).join(", ")}.`);
}

/** @throws InputError unless everything is there that a run needs */
async function requireRunnable(options: ParsedOptions): Promise<Omit<PretrainCommandOptions, "seedIsGiven">> {
  const { recipe, resume, data, out, init, initPartial } = options;
  if (!recipe && !resume) await missingRecipe();
  if (data === undefined) throw new InputError("--data is missing; give an image folder, a glob or a manifest, or --plan to run nothing.");
  if (out === undefined) throw new InputError("--out is missing; give a run folder, or --plan to run nothing.");
  if (initPartial && init === undefined) {
    throw new InputError("--init-partial says how to take the weights of --init, which is missing; give both or none.");
  }
  await requireWritable("--out", out, "folder");
  return { ...options, data, out };
}
