import { closest, distance } from "fastest-levenshtein";

/**
 * A mistake in a command or in its input, not a failure of the work: the message says what came,
 * what was expected and what to do. The apps print it as one line and exit with code 2.
 */
export class InputError extends Error {
  override readonly name = "InputError";
}

/** The known name that `name` most likely meant, or undefined when none is near. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const best = closest(name, known);
  return distance(name, best) <= Math.max(2, Math.ceil(name.length / 3)) ? best : undefined;
}
