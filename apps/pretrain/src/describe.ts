// What pretraining says at its start and its end, for a person.

import { announceBackend, formatDuration, formatTable, type RunningBackend } from "@dinov2/cli";
import { hasTrainedHeads, type PretrainStart, type PretrainSummary, type WarmStartReport } from "@dinov2/training";
import type { PretrainCommandOptions } from "./main.ts";

export function describeStart(start: PretrainStart, backend: RunningBackend): string {
  const { warmStart, step } = start;
  const losses = Object.entries(start.expectedLosses).map(([name, value]) => `${name} ${value.toFixed(2)}`);
  return [
    announceBackend(backend),
    `${start.images} images, ${start.steps} steps of ${start.batchSize}.`,
    ...(warmStart ? [describeWarmStart(warmStart)] : []),
    ...(step > 0 ? [`Going on after step ${step}.`] : []),
    ...(step === 0 && !hasTrainedHeads(warmStart) ? [`Losses start near (all prototypes equally likely): ${losses.join(", ")}.`] : []),
  ].join("\n");
}

/** What a run took from the weights it starts from. All names are in the run's warm-start.json. */
function describeWarmStart({ file, used, resized, random, unused }: WarmStartReport): string {
  const sizes = resized.map(({ name, from, to }) => `, ${name} resized from ${from[1]! - 1} to ${to[1]! - 1} patches`);
  return [
    `Starts from ${file}: ${used.length} tensors as they are${sizes.join("")}.`,
    ...(random.length > 0 ? [`Random, none there that fits: ${moduleCounts(random)}.`] : []),
    ...(unused.length > 0 ? [`Left aside, no place for it: ${moduleCounts(unused)}.`] : []),
  ].join("\n");
}

/** "3 of backbone (backbone.cls_token, …), 8 of dino_head" */
function moduleCounts(names: readonly string[]): string {
  const modules = [...new Set(names.map((name) => name.split(".")[0]!))];
  return modules
    .map((module) => {
      const inside = names.filter((name) => name.startsWith(`${module}.`));
      const shown = module === "backbone" ? ` (${inside.slice(0, 3).join(", ")}${inside.length > 3 ? ", …" : ""})` : "";
      return `${inside.length} of ${module}${shown}`;
    })
    .join(", ");
}

/** The command that goes on with a stopped run. */
export function resumeCommand(
  options: Pick<PretrainCommandOptions, "data" | "out" | "backend" | "device" | "precision" | "threads">,
): string {
  const { data, out, backend, device, precision, threads } = options;
  const engine = [
    ...(backend === "auto" ? [] : ["--backend", backend]),
    ...(device === undefined ? [] : ["--device", device]),
    ...(precision === "fp32" ? [] : ["--precision", precision]),
    ...(threads === undefined ? [] : ["--threads", String(threads)]),
  ];
  return ["dinov2 pretrain --data", quote(data), "--out", quote(out), ...engine, "--resume"].join(" ");
}

type ResumeOptions = Parameters<typeof resumeCommand>[0];

/** What a run that was asked to stop says. */
export const describeStop = (step: number, options: ResumeOptions): string =>
  step === 0
    ? "Stopped before the first step: nothing to go on from; start it again with the same command."
    : `Stopped at step ${step}; go on with: ${resumeCommand(options)}`;

/** What a run says whose last checkpoint could not be written. */
export const describeUnsaved = ({ message }: Error, options: ResumeOptions): string =>
  `${message} Make room, then go on with: ${resumeCommand(options)}`;

/** What a run says that stopped because its steps were not finite. */
export const describeNonFinite = ({ message }: Error, options: ResumeOptions): string =>
  `${message} To resume: ${resumeCommand(options)}`;

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
