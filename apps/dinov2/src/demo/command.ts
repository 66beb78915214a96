// `dinov2 demo`: its options, its progress, its last words. The story itself is in `run-demo.ts`.
import {
  addCommonOptions, addExamples, backendOptions, Command, describeBackend, printResult, Progress, requireWritable, type CommonOptions,
} from "@dinov2/cli";
import { availableBackends, useBackend } from "@dinov2/tensor";
import { loadRecipe } from "@dinov2/training";
import { describe, describeEngine } from "./describe.ts";
import { listEmoji } from "./emoji.ts";
import { runDemo, type DemoWatcher } from "./run-demo.ts";

interface DemoCommandOptions extends CommonOptions {
  readonly out: string;
  readonly quick: boolean;
}

/** Seeds of a full run: enough for a mean and a spread. `--quick` has time for one. */
const seedCount = 3;

export function demoCommand(): Command {
  const command = new Command("demo")
    .description(
      "Pretrains a small ViT without labels on 3-D emoji renders, from three seeds,\n" +
        "and compares k-NN accuracy of raw pixels, the untrained and the trained\n" +
        "network. About 8 minutes on 2 cores.",
    )
    .option("--out <folder>", "new folder for pictures, runs, results.json and report.html", "demo-run")
    .option("--quick", "one seed and fewer steps: about 2 minutes", false)
    .action(demo);
  return addExamples(addCommonOptions(command), "dinov2 demo", "dinov2 demo --quick --out demo-quick");
}

async function demo(options: DemoCommandOptions): Promise<void> {
  const { out, quick, seed } = options;
  await requireWritable("--out", out, "folder");
  const recipe = await loadRecipe(quick ? "vitti8-demo-quick" : "vitti8-demo");
  // One picture of each emoji: 45 % of all renders are skin tones, which would make most of them people.
  const emoji = (await listEmoji()).filter((one) => !one.skinTone);
  const backend = await useBackend(backendOptions(options));
  const engineLine = describeEngine(backend, options.backend === "auto" ? await reasonAgainst("libtorch") : undefined);
  const watcher = new StageProgress();
  try {
    const seeds = Array.from({ length: quick ? 1 : seedCount }, (_, i) => seed + i);
    const result = await runDemo({
      emoji, recipe, seeds, out, watcher,
      engine: describeBackend(backend),
      onStart: () => watcher.note(engineLine),
    });
    watcher.finish();
    printResult(options, result, () => describe(result));
  } finally {
    watcher.clear();
  }
}

/** Why an engine cannot be used here; undefined when it can. */
const reasonAgainst = async (engine: string) => (await availableBackends()).find(({ name }) => name === engine)?.reason;

/** One progress bar after another. */
class StageProgress implements DemoWatcher {
  private current: { readonly stage: string; readonly bar: Progress } | undefined;

  progress(stage: string, unit: string, done: number, total: number, detail = ""): void {
    if (this.current?.stage !== stage) {
      this.finish();
      this.current = { stage, bar: new Progress({ label: stage, unit, total }) };
    }
    this.current!.bar.update(done, detail);
  }

  note(text: string): void {
    if (this.current) this.current.bar.note(text);
    else process.stderr.write(`${text}\n`);
  }

  finish(): void {
    this.current?.bar.finish();
    this.current = undefined;
  }

  clear(): void {
    this.current?.bar.clear();
  }
}
