// What pretraining says at its end, for a person.

import { formatDuration, formatTable } from "@dinov2/cli";
import type { PretrainSummary } from "@dinov2/training";
import type { PretrainCommandOptions } from "./main.ts";

/** The command that goes on with a stopped run. */
export function resumeCommand(options: Pick<PretrainCommandOptions, "data" | "out" | "backend">): string {
  const backend = options.backend === "auto" ? [] : ["--backend", options.backend];
  return ["dinov2 pretrain --data", quote(options.data), "--out", quote(options.out), ...backend, "--resume"].join(" ");
}

const quote = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`);

export function describeSummary(summary: PretrainSummary): string {
  const { backbone, dinoHead, ibotHead } = summary.parameters;
  const loss = summary.last?.["total_loss"];
  return formatTable([
    ["run", summary.run],
    ["steps", `${summary.step} of ${summary.steps}`],
    [
      "images",
      `${summary.images}${summary.skippedImages > 0 ? `, ${summary.skippedImages} unreadable ones skipped` : ""}`,
    ],
    ["parameters", `${backbone} backbone, ${dinoHead} DINO head${ibotHead > 0 ? `, ${ibotHead} iBOT head` : ""}`],
    ...(loss === undefined ? [] : [["last loss", loss.toFixed(4)]]),
    ["time", formatDuration(summary.seconds)],
  ]);
}
