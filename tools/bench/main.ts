// `npm run bench -- NAME [--json] [--rounds N] [--precision fp32|bf16] [--images FOLDER] [--profile] [--full]`: ours beside a peer
// in one run on one machine. Each benchmark is a file here that exports `run`; this one finds it and prints what it gives, as a
// table or as one JSON object on stdout.
import { availableParallelism, cpus, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { InputError, nearestName } from "@dinov2/foundation";
import { runTool } from "../run-tool.ts";
import type { BenchOptions, BenchReport, BenchRow } from "./measure.ts";

const benchmarks: Readonly<Record<string, () => Promise<{ run(options: BenchOptions): Promise<BenchReport> }>>> = {
  augment: () => import("./augment.ts"),
  efficiency: () => import("./efficiency.ts"),
  engine: () => import("./engine.ts"),
  input: () => import("./input.ts"),
  knn: () => import("./knn.ts"),
  linear: () => import("./linear.ts"),
  ops: () => import("./ops.ts"),
  step: () => import("./step.ts"),
  "train-step": () => import("./train-step.ts"),
};

function parseCommand(): { name: string; json: boolean; options: BenchOptions } {
  const known = Object.keys(benchmarks);
  try {
    const { values, positionals } = parseArgs({
      options: { json: { type: "boolean" }, images: { type: "string" }, rounds: { type: "string" }, precision: { type: "string" }, profile: { type: "boolean" }, full: { type: "boolean" } },
      allowPositionals: true,
    });
    const { json = false, images, rounds, profile = false, full = false } = values;
    if (rounds !== undefined && !/^[1-9]\d*$/.test(rounds)) throw new InputError(`--rounds ${rounds} is not a positive whole number.`);
    const precision = (["fp32", "bf16"] as const).find((each) => each === values.precision);
    if (precision !== values.precision) throw new InputError(`--precision ${values.precision} is neither fp32 nor bf16.`);
    const options = { profile, full, ...(precision && { precision }), ...(images !== undefined && { images }), ...(rounds !== undefined && { rounds: Number(rounds) }) };
    const [name, ...more] = positionals;
    if (name !== undefined && name in benchmarks && more.length === 0) return { name, json, options };
    const nearest = name === undefined ? undefined : nearestName(name, known);
    const came = name === undefined ? "No benchmark was named" : `Unknown benchmark "${positionals.join(" ")}"`;
    throw new InputError(`${came}; known are ${known.join(", ")}${nearest === undefined ? "" : `; did you mean "${nearest}"?`}`);
  } catch (error) {
    throw error instanceof InputError ? error : new InputError((error as Error).message);
  }
}

const machine = () => ({
  cpu: cpus()[0]?.model ?? "unknown",
  cores: availableParallelism(),
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  platform: `${process.platform} ${process.arch}`,
});

const figure = (value: number | null | undefined) => (value === null || value === undefined ? "–" : String(Number(value.toPrecision(4))));
const percent = (value: number | undefined) => (value === undefined ? "–" : `${Math.round(100 * value)} %`);

/** A table with a line per row, columns aligned. */
function table(rows: readonly BenchRow[]): string {
  const cells = rows.map((row) => [
    row.name,
    row.unit,
    figure(row.ours),
    row.peer === null ? "–" : `${figure(row.peer)} (${row.peerName})`,
    figure(row.ratio),
    percent(row.shareOfPeak),
    row.note ?? "",
  ]);
  const lines = [["", "unit", "ours", "peer", "ratio", "of peak", ""], ...cells];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd()).join("\n");
}

async function main(): Promise<void> {
  const { name, json, options } = parseCommand();
  const { bench, versions, rows } = await (await benchmarks[name]!()).run({ ...options, onProgress: console.error });
  const report = { bench, machine: machine(), versions: { node: process.version, ...versions }, rows };
  if (json) console.log(JSON.stringify(report, null, 2));
  else console.log(`${bench} on ${report.machine.cpu}, ${report.machine.cores} cores\n${table(rows)}`);
}

await runTool(main);
