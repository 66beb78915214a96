// A line chart as an SVG string, drawn by ECharts on the server side: no DOM, no script in the page.
// Colours are CSS variables of the page, so one drawing serves light and dark.
import { LineChart } from "echarts/charts";
import { GridComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { Html } from "./html.ts";
import { formatNumber } from "./numbers.ts";
import { smooth, thin, type Point } from "./series.ts";

use([LineChart, GridComponent, SVGRenderer]);

const width = 360;
const height = 200;
/** More points than pixels show nothing more. */
const maximumPoints = 400;
/** Fewer points are drawn as they are, with a mark at each when there are very few. */
const smoothFrom = 60;

/** True for so many measured points that `lineChart` shows their trend over the raw values. */
export const isNoisy = (points: readonly Point[]): boolean => points.length >= smoothFrom;

/** The chart of one measure over training steps, or what `xName` says. It has no title: the figure's caption names it. */
export function lineChart(points: readonly Point[], { noisy, xName = "step" }: { readonly noisy: boolean; readonly xName?: string }): Html {
  const chart = init(null, null, { renderer: "svg", ssr: true, width, height });
  try {
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: "inherit" },
      grid: { left: 52, right: 14, top: 12, bottom: 40 },
      xAxis: {
        type: "value",
        min: points[0]?.[0] ?? 0,
        max: points.at(-1)?.[0] ?? 1,
        splitNumber: 4,
        name: xName,
        nameLocation: "middle",
        nameGap: 24,
        nameTextStyle: { color: "var(--muted)", fontSize: 12 },
        axisLine: { lineStyle: { color: "var(--axis)" } },
        axisTick: { lineStyle: { color: "var(--axis)" } },
        axisLabel: axisLabel({ hideOverlap: true, showMinLabel: false }),
        splitLine: { show: false },
      },
      yAxis: {
        type: "value",
        scale: true,
        splitNumber: 3,
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: axisLabel({}),
        splitLine: { lineStyle: { color: "var(--grid)" } },
      },
      series: lines(points, noisy),
    });
    return forPage(chart.renderToSVGString());
  } finally {
    chart.dispose();
  }
}

const axisLabel = (rest: object) => ({
  color: "var(--muted)",
  fontSize: 12,
  formatter: (value: number) => formatNumber(value),
  ...rest,
});

/** The line; where it is noisy the raw values faintly, and their trend over them. */
function lines(points: readonly Point[], noisy: boolean) {
  const drawn = thin(points, maximumPoints);
  const line = (
    data: readonly Point[],
    style: { width: number; opacity: number },
    symbol: "none" | "circle" = "none",
  ) => ({
    type: "line" as const,
    silent: true,
    data: data.map((point) => [...point]),
    symbol,
    symbolSize: 6,
    itemStyle: { color: "var(--line)" },
    lineStyle: { color: "var(--line)", cap: "round" as const, join: "round" as const, ...style },
  });
  if (!noisy) return [line(drawn, { width: 2, opacity: 1 }, drawn.length <= 20 ? "circle" : "none")];
  const trend = smooth(drawn, Math.ceil(drawn.length / 30));
  return [line(drawn, { width: 1, opacity: 0.35 }), line(trend, { width: 2, opacity: 1 })];
}

/**
 * For use inside a page: sized by the page's style, hidden from readers of the caption; without namespace URLs,
 * which HTML does not need, and without what ECharts adds for pointers and scripts.
 */
function forPage(svg: string): Html {
  const inner = svg
    .replace(/^<svg[^>]*>/, "")
    .replace(/<style[^>]*>[\s\S]*?<\/style>/g, "")
    .replace(/ (?:xmlns(?::\w+)?|class|pointer-events|ecmeta_\w+)="[^"]*"/g, "");
  return new Html(`<svg viewBox="0 0 ${width} ${height}" aria-hidden="true" focusable="false">${inner}`);
}
