export { renderPretrainReport, type PretrainReport } from "./pretrain-report.ts";
export type { LabelledImage, Neighbour, NeighbourComparison } from "./neighbours.ts";
export { meanAndSpread, type Cell, type Column, type ResultsTable, type Spread } from "./results-table.ts";
export { pointsOf, thin, type MetricRow, type Point } from "./series.ts";
export {
  readResults,
  resultsSchema,
  type BenchmarkResults,
  type Confusion,
  type Curve,
  type NamedImage,
  type PerClass,
  type Picture,
  type QueryNeighbours,
  type ResultDetails,
  type ResultsData,
} from "./results.ts";
export { renderBenchmarkReport, type BenchmarkReport, type LoadedResults, type PageFigure, type TrainingRun } from "./benchmark-report.ts";
export { compareWithBaseline, imagesPerSecond, readBaseline, type Baseline, type BaselineFolder, type BaselineRow } from "./baseline.ts";
export { renderMarkdown, type MarkdownReport } from "./markdown.ts";
