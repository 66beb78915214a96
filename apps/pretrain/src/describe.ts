// What pretraining says at its start and its end, for a person.

import { describeBackend, formatDuration, formatTable, type RunningBackend } from "@dinov2/cli";
import type { PretrainStart, PretrainSummary } from "@dinov2/training";
import type { PretrainCommandOptions } from "./main.ts";

export function describeStart(start: PretrainStart, backend: RunningBackend): string {
  const losses = Object.entries(start.expectedLosses).map(([name, value]) => `${name} ${value.toFixed(2)}`);
  return [
    `Backend ${describeBackend(backend)}.`,
    `${start.images} images, ${start.steps} steps of ${start.batchSize}.`,
    start.step > 0
      ? `Going on after step ${start.step}.`
      : `Losses start near (all prototypes equally likely): ${losses.join(", ")}.`,
  ].join("\n");
}

/** The command that goes on with a stopped run. */
export function resumeCommand(options: Pick<PretrainCommandOptions, "data" | "out" | "backend" | "device" | "precision">): string {
  const { data, out, backend, device, precision } = options;
  const engine = [
    ...(backend === "auto" ? [] : ["--backend", backend]),
    ...(device === undefined ? [] : ["--device", device]),
    ...(precision === "fp32" ? [] : ["--precision", precision]),
  ];
  return ["dinov2 pretrain --data", quote(data), "--out", quote(out), ...engine, "--resume"].join(" ");
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
