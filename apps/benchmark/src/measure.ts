// What all benchmarks do from options to results: open everything, measure, write, print.

import { backendOptions, ImageWatcher, printResult, requireWritable, type CommonOptions } from "@dinov2/cli";
import { decoderVersions } from "@dinov2/data";
import type { Detail, EvaluationWatcher, FrozenBackbone, Measurement } from "@dinov2/evaluation";
import { resultsSchema } from "@dinov2/report";
import { useBackend } from "@dinov2/tensor";
import { DetailsWriter, type NamedSets } from "./details.ts";
import { openBackbone, type BackboneOptions } from "./open-backbone.ts";
import { writeResults, type BenchmarkResults } from "./results.ts";

export interface MeasureOptions extends CommonOptions, BackboneOptions {
  readonly data: string;
  readonly out: string;
}

/** Where an evaluator tells what it is doing, and what it found beside numbers. */
export interface Listener extends Required<EvaluationWatcher> {
  found(detail: Detail): Promise<void>;
}

/** What is particular to one kind of task. */
export interface Measure<Task> {
  readonly benchmark: string;
  /** Opens the images, before anything that takes long. */
  open(): Promise<Task>;
  run(backbone: FrozenBackbone, task: Task, listener: Listener): AsyncIterable<Measurement>;
  /** For results.json: the width of what is read of an image or a place, what the images are, how they were measured. */
  width(backbone: FrozenBackbone): number;
  describe(task: Task): Omit<BenchmarkResults["data"], "source" | "skipped">;
  protocol(backbone: FrozenBackbone, task: Task): Readonly<Record<string, unknown>>;
  /** What the places of images and classes in details stand for, where the task names them. */
  sets?(task: Task): NamedSets;
  /** For a terminal; results.json lies at `written`. */
  summary(results: BenchmarkResults, written: string): string;
}

export async function measure<Task>(kind: Measure<Task>, options: MeasureOptions): Promise<void> {
  const started = performance.now();
  await requireWritable("--out", options.out, "folder");
  const task = await kind.open();
  const backend = await useBackend(backendOptions(options));
  const backbone = await openBackbone(options);

  const watcher = new ImageWatcher();
  const writer = new DetailsWriter(options.out, kind.sets?.(task));
  const metrics: Record<string, number> = {};
  const notes: Record<string, string> = {};
  try {
    const { progress, skipped } = watcher;
    for await (const { metric, value, note } of kind.run(backbone, task, { progress, skipped, found: (detail) => writer.add(detail) })) {
      metrics[metric] = value;
      if (note !== undefined) notes[metric] = note;
    }
    watcher.finish();
  } finally {
    watcher.clear();
  }

  const details = writer.finish();
  const results: BenchmarkResults = {
    schema: resultsSchema,
    benchmark: kind.benchmark,
    metrics,
    notes,
    model: { source: options.model, untrained: options.untrained, width: kind.width(backbone) },
    data: { source: options.data, ...kind.describe(task), skipped: watcher.skippedImages },
    protocol: kind.protocol(backbone, task),
    seed: options.seed,
    backend,
    versions: { node: process.versions.node, ...decoderVersions() },
    seconds: (performance.now() - started) / 1000,
    finishedAt: new Date().toISOString(),
    ...(details && { details }),
  };
  const written = await writeResults(options.out, results);
  printResult(options, { written, ...results }, () => kind.summary(results, written));
}
