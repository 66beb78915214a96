// `dinov2 report`: folders that benchmarks and runs left behind, on one page.

import { addCommonOptions, addExamples, addImageOptions, Command } from "@dinov2/cli";
import type { ReportOptions } from "./report.ts";

const DESCRIPTION = `Put the results of benchmarks and the curves of runs on one page that stands by itself.

A folder with results.json is of \`dinov2 benchmark\`, one with metrics.jsonl of \`dinov2 pretrain\`.
With --baseline a metric that is worse than its noise band is named, and the exit code is 1.`;

export function reportCommand(): Command {
  const command = new Command("report")
    .description(DESCRIPTION)
    .argument("<folders...>", "folders of benchmarks and runs")
    .requiredOption("--out <FILE>", "the .html file to write")
    .option("--markdown <FILE>", "a short form too, for a pull request")
    .option("--baseline <FILE>", "expected metrics with their noise bands, to compare with")
    .option("--title <text>", "heading of the page", "Benchmarks")
    .option("--pca <SRC>", "draw the principal components of the patches of its first images, by --model")
    .option("--model <MODEL>", "the network for --pca");
  addCommonOptions(addImageOptions(command));
  addExamples(
    command,
    "dinov2 report runs/knn runs/linear --out report.html",
    "dinov2 report runs/* --out report.html --markdown report.md --baseline tests/baseline/emoji.json",
  );
  return command.action(async (folders: string[], options: ReportOptions) => {
    const { writeReport } = await import("./report.ts");
    await writeReport(folders, options);
  });
}
