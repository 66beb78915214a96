import { html, type Html } from "./html.ts";

/** Names and values worth knowing. */
export function factList(facts: Readonly<Record<string, string | number>>): Html {
  const fact = ([name, value]: [string, string | number]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  return html`<dl class="facts">${Object.entries(facts).map(fact)}</dl>`;
}
