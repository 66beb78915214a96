// What a group's check needs: the golden case in, comparisons out. See `groups/`, one file per group.

export { GoldenCase, readGoldenFolder, type GoldenDtype, type GoldenTensor, type GoldenValue, type Tolerance } from "./golden.ts";
export {
  compareFact,
  compareLevels,
  compareNumbers,
  compareStatistic,
  compareTensor,
  compareValue,
  type Comparison,
} from "./compare.ts";

import type { Comparison } from "./compare.ts";
import type { GoldenCase } from "./golden.ts";

/** Computes everything the case has golden numbers for. The tensor backend is set up before. */
export type Check = (golden: GoldenCase) => Promise<Comparison[]>;
