// What results.json says of images to test on that are given by sources of their own, or are not scored by one right class of all.

import type { OpenedTask, TestImages } from "@dinov2/evaluation";
import type { ResultsData } from "@dinov2/report";

/** Those that have no right class are not measured. */
export const scoredImages = ({ length, leftOut = 0 }: TestImages): number => length - leftOut;

const allTests = ({ test, furtherTests = [] }: OpenedTask) => [{ name: "test", images: test }, ...furtherTests];

/** Every source with how many of its images are scored; the metrics of all but the first are named `NAME/…`. */
export function describeTests(task: OpenedTask, sources: readonly string[]): NonNullable<ResultsData["tests"]> {
  return allTests(task).map(({ name, images }, i) => ({ source: sources[i]!, ...(i > 0 && { name }), images: scoredImages(images) }));
}

/** In words, by the names of the sets. */
export function scoringOf(task: OpenedTask): { readonly scoring?: Readonly<Record<string, string>> } {
  const words = allTests(task).flatMap(({ name, images: { scoring } }) => (scoring === undefined ? [] : [[name, scoring] as const]));
  return words.length === 0 ? {} : { scoring: Object.fromEntries(words) };
}
