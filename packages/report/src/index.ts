export { renderPretrainReport, type PretrainReport } from "./pretrain-report.ts";
export type { LabelledImage, Neighbour, NeighbourComparison } from "./neighbours.ts";
export type { Cell, Column, ResultsTable, Spread } from "./results-table.ts";
export type { MetricRow } from "./series.ts";
