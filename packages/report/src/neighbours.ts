// Nearest neighbours of a few images, before and after training, as rows of pictures.
import { html, type Html } from "./html.ts";

export interface LabelledImage {
  /** A `data:image/…` URI: the page loads nothing. */
  readonly image: string;
  readonly label: string;
}

export interface Neighbour extends LabelledImage {
  /** Cosine of the two features. */
  readonly similarity: number;
  /** Of the query's class. */
  readonly correct: boolean;
}

export interface NeighbourComparison {
  readonly query: LabelledImage;
  /** Nearest first. */
  readonly before: readonly Neighbour[];
  readonly after: readonly Neighbour[];
}

export const neighbourLegend = html`<p class="explanation">For each image the most similar others, nearest first, with the cosine of their features.
<span class="mark right">✓</span> and a solid frame: of the same class.
<span class="mark wrong">✗</span> and a dashed frame: of another.</p>`;

export function neighbourSection(comparisons: readonly NeighbourComparison[]): Html {
  return html`<section>
<h2>Nearest neighbours, before and after training</h2>
${neighbourLegend}
<div class="comparisons">${comparisons.map(comparison)}</div>
</section>`;
}

function comparison({ query, before, after }: NeighbourComparison): Html {
  return queryCard(query, [neighbourRow("Before", before), neighbourRow("After", after)]);
}

/** An image beside the rows of its neighbours. */
export function queryCard(query: LabelledImage, rows: readonly Html[]): Html {
  return html`<article class="comparison">
<h3 class="query"><img src="${dataUri(query.image)}" alt="" width="96" height="96"> <span>${query.label}</span></h3>
<div class="answers">${rows}</div>
</article>
`;
}

/** A row of pictures under a heading that counts the right ones. */
export function neighbourRow(when: string, neighbours: readonly Neighbour[]): Html {
  const right = neighbours.filter(({ correct }) => correct).length;
  return html`<h4>${when} <span class="score">${right} of ${neighbours.length} right</span></h4>
<ol class="neighbours" style="--count: ${Math.max(1, neighbours.length)}">${neighbours.map(neighbour)}</ol>`;
}

function neighbour({ image, label, similarity, correct }: Neighbour): Html {
  const [kind, sign, word] = correct ? (["right", "✓", "right: "] as const) : (["wrong", "✗", "wrong: "] as const);
  const cosine = similarity.toFixed(2).replace("-", "−");
  return html`<li class="${kind}"><img src="${dataUri(image)}" alt="" width="64" height="64">
<span class="label" title="${label}">
<span class="mark ${kind}" aria-hidden="true">${sign}</span><span class="hidden">${word}</span> ${label}</span>
<span class="similarity"><span class="hidden">similarity </span>${cosine}</span></li>`;
}

/** @throws RangeError for what a page would have to load */
export function dataUri(image: string): string {
  if (!image.startsWith("data:image/")) {
    throw new RangeError(`A report's images must be data:image/… URIs, got "${image.slice(0, 40)}".`);
  }
  return image;
}
