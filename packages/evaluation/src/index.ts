export {
  normalizeRows,
  selectLabelled,
  selectRows,
  type FeatureMatrix,
  type LabelledFeatures,
} from "./feature-matrix.ts";
export { nearestNeighbours, type SearchOptions } from "./nearest-neighbours.ts";
export type { Neighbours } from "./top-k.ts";
export {
  knnClassify,
  OFFICIAL_KS,
  OFFICIAL_TEMPERATURE,
  possibleKs,
  sumVotes,
  voteWeights,
  type KnnOptions,
  type KnnScore,
} from "./knn.ts";
export { rowsPerClass, stratifiedSplit, type Split } from "./splits.ts";
