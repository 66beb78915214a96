// What a file holds beside what a model needs: the strict check that every way of loading goes through.
// Loading with silent gaps is the most reported mistake of DINOv2 users, so a difference is an error unless asked for.

import { InputError } from "@dinov2/foundation";

export type Shape = readonly number[];

export interface WeightReport {
  /** Needed and not there. */
  readonly missing: readonly string[];
  /** There and not needed. */
  readonly unexpected: readonly string[];
  readonly mismatched: readonly { readonly name: string; readonly expected: Shape; readonly found: Shape }[];
}

/** Compares names and shapes; `accepts` may let a shape pass that differs (a position embedding of another size). */
export function compareWeights(
  expected: ReadonlyMap<string, Shape>,
  found: ReadonlyMap<string, Shape>,
  accepts: (name: string, shape: Shape) => boolean = () => false,
): WeightReport {
  const common = [...expected].filter(([name]) => found.has(name));
  return {
    missing: [...expected.keys()].filter((name) => !found.has(name)),
    unexpected: [...found.keys()].filter((name) => !expected.has(name)),
    mismatched: common
      .map(([name, shape]) => ({ name, expected: shape, found: found.get(name)! }))
      .filter((pair) => !sameShape(pair.expected, pair.found) && !accepts(pair.name, pair.found)),
  };
}

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((size, i) => size === b[i]);

export const matches = ({ missing, unexpected, mismatched }: WeightReport): boolean =>
  missing.length + unexpected.length + mismatched.length === 0;

/** Throws an InputError that lists the first differences of each kind and counts the others. */
export function assertMatches(report: WeightReport, origin: string, advice = "Load it with a matching config."): void {
  if (matches(report)) return;
  const mismatched = report.mismatched.map(
    ({ name, expected, found }) => `${name} is [${found.join(", ")}], expected [${expected.join(", ")}]`,
  );
  const parts = [
    listed("missing", report.missing),
    listed("unexpected", report.unexpected),
    listed("of another shape", mismatched),
  ];
  throw new InputError(`${origin} does not fit this architecture: ${parts.filter(Boolean).join("; ")}. ${advice}`);
}

function listed(kind: string, names: readonly string[], shown = 4): string {
  if (names.length === 0) return "";
  const rest = names.length > shown ? `, and ${names.length - shown} more` : "";
  return `${names.length} ${kind} (${names.slice(0, shown).join(", ")}${rest})`;
}
