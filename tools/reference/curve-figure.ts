// Two charts side by side as one SVG: a measure by step for each side, the mean of its runs and a band of one standard deviation.

import { meanAndSpread, type Point } from "@dinov2/report";
import { LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TitleComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

use([LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

export interface Panel {
  readonly title: string;
  /** Of each side its runs' points; all runs have the same steps. */
  readonly sides: Readonly<Record<string, readonly (readonly Point[])[]>>;
}

/** Blue and orange that colour-blind readers tell apart (Okabe and Ito). */
const colours = ["#0072b2", "#d55e00"];
const [width, height] = [900, 360];

export function curveFigure(panels: readonly Panel[]): string {
  const chart = init(null, null, { renderer: "svg", ssr: true, width, height });
  try {
    const share = width / panels.length;
    const axis = { axisLabel: { hideOverlap: true }, splitLine: { lineStyle: { color: "#e5e5e5" } } };
    chart.setOption({
      animation: false,
      backgroundColor: "#fff",
      legend: { bottom: 0, data: Object.keys(panels[0]?.sides ?? {}) },
      title: panels.map(({ title }, i) => ({ text: title, left: i * share + 48, top: 6, textStyle: { fontSize: 14 } })),
      grid: panels.map((_, i) => ({ left: i * share + 52, width: share - 80, top: 40, bottom: 70 })),
      xAxis: panels.map((_, gridIndex) => ({ ...axis, gridIndex, type: "value", name: "step", nameLocation: "middle", nameGap: 26 })),
      yAxis: panels.map((_, gridIndex) => ({ ...axis, gridIndex, type: "value", scale: true })),
      series: panels.flatMap((panel, i) => seriesOf(panel, i)),
    });
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

function seriesOf({ sides, title }: Panel, index: number) {
  return Object.entries(sides).flatMap(([name, runs], side) => {
    const color = colours[side % colours.length];
    const points = meanAndDeviation(runs);
    const shared = { type: "line", xAxisIndex: index, yAxisIndex: index, showSymbol: false, color } as const;
    const band = { ...shared, stack: `${title} ${name}`, stackStrategy: "all", lineStyle: { opacity: 0 }, silent: true } as const;
    return [
      { ...band, data: points.map(([step, mean, deviation]) => [step, mean - deviation]) },
      { ...band, data: points.map(([step, , deviation]) => [step, 2 * deviation]), areaStyle: { color, opacity: 0.18 } },
      { ...shared, name, data: points.map(([step, mean]) => [step, mean]) },
    ];
  });
}

/** Of each step; the deviation is that of the sample, 0 of a single run. */
export function meanAndDeviation(runs: readonly (readonly Point[])[]): [step: number, mean: number, deviation: number][] {
  return (runs[0] ?? []).map(([step], i) => {
    const { mean, spread } = meanAndSpread(runs.map((run) => run[i]![1]));
    return [step, mean, spread];
  });
}
