// What every benchmark gives back, and the statistics of its rounds.

import type { Precision } from "@dinov2/tensor";

/** What a benchmark may be told; it uses what it knows. */
export interface BenchOptions {
  /** A folder of JPEGs to measure with, for a benchmark that reads images; by default it makes some. */
  readonly images?: string;
  readonly rounds?: number;
  /** The only one to measure, for a benchmark that measures all that the engine has: a processor may take very long over bf16. */
  readonly precision?: Precision;
  /** Where our time goes, in place of a comparison, for a benchmark that can say it. */
  readonly profile?: boolean;
  /** All of the work, for a benchmark that measures a part of it as it comes: many minutes. */
  readonly full?: boolean;
  /** What is measured now, for benchmarks that take minutes. */
  readonly onProgress?: (message: string) => void;
}

/** One figure of ours, beside a peer's where there is one. */
export interface BenchRow {
  readonly name: string;
  readonly unit: string;
  readonly ours: number;
  /** null when the peer is not installed; `note` says why. */
  readonly peer: number | null;
  readonly peerName: string;
  /** Above 1 ours is better, whatever the unit. */
  readonly ratio: number | null;
  /** The ratio aimed for. */
  readonly target?: number;
  /** Of what the machine can do at most. */
  readonly shareOfPeak?: number;
  readonly note?: string;
}

export interface BenchReport {
  readonly bench: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly rows: readonly BenchRow[];
}
