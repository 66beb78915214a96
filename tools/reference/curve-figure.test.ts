import { expect, it } from "vitest";
import { curveFigure, meanAndDeviation } from "./curve-figure.ts";

it("runs are averaged step by step", () => {
  const runs = [[[10, 1], [20, 4]], [[10, 3], [20, 4]]] as const;
  expect(meanAndDeviation(runs)).toEqual([[10, 2, Math.SQRT2], [20, 4, 0]]);
});

it("the figure names every panel and side", () => {
  const points = [[1, 2], [2, 3]] as const;
  const svg = curveFigure([{ title: "Loss", sides: { ours: [points], "official code": [points] } }]);
  for (const text of ["Loss", "ours", "official code"]) expect(svg).toContain(text);
});
