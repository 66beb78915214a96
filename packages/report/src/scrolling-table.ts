import { html, type Html } from "./html.ts";

/** A table that scrolls by itself on a narrow screen, by touch and by keyboard. Its cells are th and td elements. */
export function scrollingTable(label: string, head: readonly Html[], rows: readonly (readonly Html[])[]): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${label}"><table>
<thead><tr>${head}</tr></thead>
<tbody>
${rows.map((cells) => html`<tr>${cells}</tr>\n`)}</tbody>
</table></div>`;
}
