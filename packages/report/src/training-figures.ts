// The figures of a training run: which measures of the log are shown, under which names, in which order.
import { html, type Html } from "./html.ts";
import { isNoisy, lineChart } from "./line-chart.ts";
import { formatNumber } from "./numbers.ts";
import { scrollingTable } from "./scrolling-table.ts";
import { pointsOf, type MetricRow, type Point } from "./series.ts";

interface Panel {
  /** Name in the metrics log. */
  readonly measure: string;
  readonly title: string;
}

interface PanelGroup {
  readonly title: string;
  readonly explanation: string;
  /** Measured with noise, not set: the figures show a trend. */
  readonly measured: boolean;
  readonly panels: readonly Panel[];
  /** Measures of the same kind that have no row above: shown under their own names. */
  readonly others?: RegExp;
}

const groups: readonly PanelGroup[] = [
  {
    title: "k-NN accuracy during training",
    explanation:
      "Share of test images whose nearest training images vote for the right class. Labels score, they do not train.",
    measured: false,
    panels: [],
    others: /^knn/,
  },
  {
    title: "Losses",
    explanation: "The total is what is optimised: the sum of the weighted terms beside it, nothing else.",
    measured: true,
    panels: [
      { measure: "total_loss", title: "Total (optimised)" },
      { measure: "dino_local_crops_loss", title: "DINO, local crops" },
      { measure: "dino_global_crops_loss", title: "DINO, global crops" },
      { measure: "ibot_loss", title: "iBOT, masked patches" },
      { measure: "koleo_loss", title: "KoLeo, spread" },
    ],
    others: /_loss$/,
  },
  {
    title: "Does the teacher tell images apart?",
    explanation:
      "Collapse shows here first. Spread of features: 1 is even over all directions, 0 is all images alike. Targets that are " +
      "sharper than uniform, and many prototypes in use, are healthy.",
    measured: true,
    panels: [
      { measure: "feature_std", title: "Spread of features" },
      { measure: "feature_rank", title: "Directions that features use" },
      { measure: "neighbour_distance", title: "Distance to the nearest image" },
      { measure: "target_entropy", title: "Entropy of a target" },
      { measure: "prototypes_used", title: "Prototypes in use" },
    ],
  },
  {
    title: "Schedules",
    explanation: "Set by the recipe, not measured.",
    measured: false,
    panels: [
      { measure: "learning_rate", title: "Learning rate" },
      { measure: "teacher_momentum", title: "Teacher momentum" },
      { measure: "teacher_temperature", title: "Teacher temperature" },
      { measure: "weight_decay", title: "Weight decay" },
    ],
  },
  {
    title: "Gradient norms",
    explanation: "Of each part of the student, before clipping.",
    measured: true,
    panels: [
      { measure: "gradient_norm_backbone", title: "Backbone" },
      { measure: "gradient_norm_dino_head", title: "DINO head" },
      { measure: "gradient_norm_ibot_head", title: "iBOT head" },
    ],
    others: /^gradient_norm_/,
  },
];

/** A section for every group of which the log has a measure. */
export function trainingFigures(metrics: readonly MetricRow[]): Html[] {
  const measures = new Set(metrics.flatMap((row) => Object.keys(row)));
  return groups.flatMap((group) => {
    const panels = panelsOf(group, measures).flatMap((panel) => {
      const points = pointsOf(metrics, panel.measure);
      return points.length > 0 ? [{ ...panel, points }] : [];
    });
    return panels.length > 0 ? [section(group, panels)] : [];
  });
}

function panelsOf({ panels, others }: PanelGroup, measures: ReadonlySet<string>): Panel[] {
  const known = new Set(panels.map(({ measure }) => measure));
  const rest = others ? [...measures].filter((measure) => others.test(measure) && !known.has(measure)) : [];
  return [
    ...panels.filter(({ measure }) => measures.has(measure)),
    ...rest.map((measure) => ({ measure, title: measure.replaceAll("_", " ").replace(/^knn/, "k-NN") })),
  ];
}

type DrawnPanel = Panel & { readonly points: readonly Point[] };

function section(group: PanelGroup, panels: readonly DrawnPanel[]): Html {
  const trend = group.measured && panels.some(({ points }) => isNoisy(points));
  return html`<section>
<h2>${group.title}</h2>
<p class="explanation">${group.explanation}${trend ? " Faint: as measured. Bold: the trend." : ""}</p>
<div class="panels">${panels.map((panel) => figure(panel, group.measured))}</div>
${numbersTable(group.title, panels)}
</section>`;
}

function figure({ title, points }: DrawnPanel, measured: boolean): Html {
  const change = `${formatNumber(points[0]![1], 3)} → ${formatNumber(points.at(-1)![1], 3)}`;
  return html`<figure class="panel">
<figcaption><strong>${title}</strong> <span class="change">${change}</span></figcaption>
${lineChart(points, { noisy: measured && isNoisy(points) })}
</figure>
`;
}

/** The figures' numbers at up to `limit` steps, first and last included: for a close look and for screen readers. */
function numbersTable(title: string, panels: readonly DrawnPanel[], limit = 12): Html {
  const series = panels.map(({ points }) => new Map(points));
  const steps = [...new Set(series.flatMap((values) => [...values.keys()]))].sort((a, b) => a - b);
  const evenly = (i: number) => steps[Math.round((i * (steps.length - 1)) / (limit - 1))]!;
  const shown = steps.length <= limit ? steps : Array.from({ length: limit }, (_, i) => evenly(i));
  const cell = (value: number | undefined) => html`<td>${value === undefined ? "–" : formatNumber(value)}</td>`;
  const head = ["Step", ...panels.map((panel) => panel.title)].map((name) => html`<th scope="col">${name}</th>`);
  const rows = shown.map((step) => [
    html`<th scope="row">${step}</th>`,
    ...series.map((values) => cell(values.get(step))),
  ]);
  return html`<details><summary>${title} as numbers</summary>
${scrollingTable(`${title} as numbers`, head, rows)}</details>`;
}
