export { averagePrecision, ranksOf, revisitedPrecision, trapezoidAveragePrecision } from "./ranking-scores.ts";
export { evaluateRetrieval, type RetrievalContext } from "./retrieval-evaluator.ts";
export {
  openRetrievalTask,
  retrievalFingerprint,
  type CutOuts,
  type RetrievalTask,
  type RetrievalTaskOptions,
  type RightAndIgnored,
} from "./retrieval-task.ts";
