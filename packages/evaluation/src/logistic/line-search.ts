// How far to go along a direction: to where the strong Wolfe conditions hold, f small enough and f' flat enough.
//
// Source: Nocedal & Wright, Numerical Optimization, 2nd edition, algorithms 3.5 and 3.6, with cubic interpolation (3.59).

/** A place along the direction: the step, f there and its slope. */
export interface LinePoint {
  readonly step: number;
  readonly value: number;
  readonly slope: number;
}

/** f must fall by so much of what its first slope promises, */
const SUFFICIENT_DECREASE = 1e-4;
/** and its slope to this share. The usual one for quasi-Newton directions. */
const CURVATURE = 0.9;

const mostEvaluations = 50;

/**
 * A point may carry more, such as the gradient that its slope is of.
 * @param evaluate f and its slope at a step
 * @param start step 0, where the slope is negative
 * @param first the step to try first
 * @returns the place found; after 50 evaluations the best that made f fall; undefined when none did
 */
export function wolfeSearch<Point extends LinePoint>(evaluate: (step: number) => Point, start: Point, first: number): Point | undefined {
  let evaluations = 0;
  const at = (step: number) => {
    evaluations++;
    return evaluate(step);
  };
  const tooHigh = ({ step, value }: LinePoint) => !(value <= start.value + SUFFICIENT_DECREASE * step * start.slope);
  const flat = ({ slope }: LinePoint) => Math.abs(slope) <= -CURVATURE * start.slope;

  let previous = start;
  let current = at(first);
  let [low, high]: Point[] = [];
  // Goes on until a good place lies between two others.
  for (; low === undefined; previous = current, current = at(2 * current.step)) {
    if (tooHigh(current) || (previous !== start && current.value >= previous.value)) [low, high] = [previous, current];
    else if (flat(current) || evaluations >= mostEvaluations) return current;
    else if (current.slope >= 0) [low, high] = [current, previous];
    if (low !== undefined) break;
  }
  while (evaluations < mostEvaluations && Math.abs(high!.step - low!.step) > Number.EPSILON * high!.step) {
    const middle = at(between(low!, high!));
    if (tooHigh(middle) || middle.value >= low!.value) high = middle;
    else if (flat(middle)) return middle;
    else {
      if (middle.slope * (high!.step - low!.step) >= 0) high = low;
      low = middle;
    }
  }
  return low!.step > 0 ? low : undefined;
}

/** Where the cubic through both places is lowest, kept away from either; the middle where there is no such place. */
function between(a: LinePoint, b: LinePoint): number {
  const width = b.step - a.step;
  const d1 = a.slope + b.slope - (3 * (a.value - b.value)) / (a.step - b.step);
  const d2 = Math.sign(width) * Math.sqrt(d1 * d1 - a.slope * b.slope);
  const share = 1 - (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2);
  return a.step + width * (Number.isFinite(share) ? Math.min(0.9, Math.max(0.1, share)) : 0.5);
}
