// results.json: what a benchmark leaves behind, enough to know what its numbers mean and to get them again. This is its schema,
// number 1; files without a number are older and the same but for `details`.

import { checkResults } from "./check-results.ts";

export const resultsSchema = 1;

export interface BenchmarkResults {
  readonly schema: typeof resultsSchema;
  readonly benchmark: string;
  /** By name: "k20.top1". Shares are 0..1. */
  readonly metrics: Readonly<Record<string, number>>;
  /** What a reader must know of some metrics, by name: which head a number is of, and how that one was chosen. */
  readonly notes: Readonly<Record<string, string>>;
  readonly model: { readonly source: string; readonly untrained: boolean; readonly width: number };
  readonly data: ResultsData;
  readonly protocol: Readonly<Record<string, unknown>>;
  readonly seed: number;
  readonly backend: unknown;
  readonly versions: Readonly<Record<string, string>>;
  readonly seconds: number;
  /** ISO 8601 */
  readonly finishedAt: string;
  readonly details?: ResultDetails;
}

export interface ResultsData {
  readonly source: string;
  /** How the two sides came about. */
  readonly origin: string;
  readonly classes?: number;
  readonly trainImages: number;
  readonly testImages: number;
  /** Sources to test on other than `source`; the metrics of all but the first start with their name and a slash. */
  readonly tests?: readonly { readonly source: string; readonly name?: string; readonly images: number }[];
  /** SHA-256 over side, name and class of every image. */
  readonly fingerprint: string;
  /** Files that could not be decoded, left out of both sides. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
}

/** What a reader may look at beside the numbers. Each list may be missing. Files are relative to results.json. */
export interface ResultDetails {
  readonly confusion?: readonly Confusion[];
  readonly perClass?: readonly PerClass[];
  readonly curves?: readonly Curve[];
  readonly neighbours?: readonly QueryNeighbours[];
  readonly pictures?: readonly Picture[];
}

export interface Confusion {
  /** The row of the metrics that it is of: "k20". */
  readonly of: string;
  readonly classNames: readonly string[];
  /** [C][C]: the class of the image, then the class it was taken for. */
  readonly counts: readonly (readonly number[])[];
}

export interface PerClass {
  readonly of: string;
  /** What the numbers are: "accuracy", "IoU". Shares 0..1; null for a class without images. */
  readonly measure: string;
  readonly classNames: readonly string[];
  readonly values: readonly (number | null)[];
}

export interface Curve {
  readonly title: string;
  readonly xName: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface NamedImage {
  /** Its place in the train or the test set. */
  readonly index: number;
  readonly name: string;
  readonly className: string;
  readonly file: string;
}

export interface QueryNeighbours {
  readonly of: string;
  readonly query: NamedImage;
  /** Nearest first, of the train set, with the cosine of the two features. */
  readonly neighbours: readonly (NamedImage & { readonly similarity: number })[];
}

export interface Picture {
  readonly file: string;
  /** Pictures of one kind: "overlays", "depth". */
  readonly folder: string;
  readonly name: string;
  /** What it shows, in words. */
  readonly caption: string;
}

/**
 * Reads the text of a results.json.
 * @throws RangeError that names the file and the field, with what was expected there
 */
export function readResults(text: string, file: string): BenchmarkResults {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new RangeError(`${file} is not JSON; expected the results.json of a benchmark.`);
  }
  return checkResults(json, file);
}
