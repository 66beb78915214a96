// The dinov2 command line. Each row below is one chapter: learn features from images without labels, take
// features out of a model, measure them. A command's file is loaded only when it is called, so that `--help`
// answers at once; what comes next is that file.

import { addExamples, Command, runProgram } from "@dinov2/cli";

interface Chapter {
  readonly name: string;
  readonly summary: string;
  load(): Promise<Command>;
}

const chapters: readonly Chapter[] = [
  {
    name: "pretrain",
    summary: "train a ViT on a folder of images, without labels",
    load: async () => (await import("@dinov2/app-pretrain")).pretrainCommand(),
  },
  {
    name: "extract",
    summary: "write a model's features of images to a safetensors file",
    load: async () => (await import("./extract/command.ts")).extractCommand(),
  },
  {
    name: "benchmark",
    summary: "measure how good a model's frozen features are",
    load: async () => (await import("@dinov2/app-benchmark")).benchmarkCommand(),
  },
  {
    name: "report",
    summary: "put results and runs on one page, and compare them with a baseline",
    load: async () => (await import("./report/command.ts")).reportCommand(),
  },
  {
    name: "doctor",
    summary: "say what is installed, which engine `auto` takes, and how fast it is",
    load: async () => (await import("./doctor/command.ts")).doctorCommand(),
  },
  {
    name: "demo",
    summary: "watch a small ViT learn from real images, in minutes",
    load: async () => (await import("./demo/command.ts")).demoCommand(),
  },
];

/** The program, with the command that is called in full and the others by name and summary. */
async function program(called: string | undefined): Promise<Command> {
  const root = new Command("dinov2")
    .description("Self-supervised vision features (DINOv2): pretrain, extract, measure.")
    .helpCommand(true);
  for (const { name, summary, load } of chapters) {
    root.addCommand((name === called ? await load() : new Command(name)).summary(summary));
  }
  return addExamples(
    root,
    "dinov2 demo --quick",
    "dinov2 pretrain --help",
    "dinov2 benchmark knn --model RUN --data DIR --out DIR",
  );
}

const words = process.argv.slice(2);
const called = words.find((word) => !word.startsWith("-") && word !== "help");
const isKnown = called === undefined || chapters.some(({ name }) => name === called);
const request = !isKnown ? [called] : words.length === 0 ? ["--help"] : words;
const succeeded = await runProgram(await program(called), request);
// After a failure something may still hold the process open: a worker, a file being read.
if (!succeeded) process.exit();
