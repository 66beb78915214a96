// The pages' style. Colours come in pairs, light and dark; charts use the same variables.

export const style = `
:root {
  color-scheme: light dark;
  --page: #fbfbfa; --card: #ffffff; --text: #1c1e21; --muted: #5b626b; --border: #dcdfe4;
  --grid: #e8eaed; --axis: #9aa1ab; --line: #1f5fbf; --right: #11713a; --wrong: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14161a; --card: #1c1f25; --text: #e7e9ec; --muted: #a3abb6; --border: #353b45;
    --grid: #2b3038; --axis: #6b7480; --line: #7fb0ff; --right: #5fd08b; --wrong: #ff8a80;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 72rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 1rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .25rem; }
h3, h4 { margin: 0; font-size: 1rem; font-weight: 600; }
.explanation, .change, .score, .similarity, .facts dt { color: var(--muted); }
.explanation { margin: 0 0 .75rem; max-width: 46rem; }
.facts {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 9rem), 1fr)); gap: .75rem 1.5rem; margin: 0;
}
.facts dt { font-size: .875rem; }
.facts dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); gap: .75rem; }
.panel, .comparison {
  margin: 0; padding: .75rem; background: var(--card); border: 1px solid var(--border); border-radius: .5rem;
}
.panel figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 .75rem; }
.panel svg { display: block; width: 100%; height: auto; }
.change { font-variant-numeric: tabular-nums; }
details { margin-top: .75rem; }
summary { cursor: pointer; color: var(--muted); width: fit-content; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .9rem .4rem 0; text-align: right; border-bottom: 1px solid var(--border); vertical-align: top; }
td { white-space: nowrap; }
th:first-child, .words { text-align: left; }
thead th { color: var(--muted); font-weight: 600; vertical-align: bottom; }
.results { margin: 0; }
.results tbody th { font-weight: 600; min-width: 8rem; }
.bar {
  display: block; height: .3rem; margin-top: .25rem; min-width: 5rem; border-radius: .15rem; background: var(--grid);
}
.bar::before {
  content: ""; display: block; height: 100%; width: calc(100% * var(--share));
  border-radius: inherit; background: var(--line);
}
.comparisons {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 33rem), 1fr)); gap: .75rem;
}
.comparison { display: grid; grid-template-columns: 6rem 1fr; gap: .75rem; }
.query img { display: block; width: 100%; height: auto; aspect-ratio: 1; object-fit: contain; }
.query { overflow-wrap: anywhere; font-size: .875rem; line-height: 1.3; }
h4 { font-size: .875rem; }
h4 .score { font-weight: 400; }
.neighbours {
  display: grid; grid-template-columns: repeat(var(--count), minmax(0, 5rem)); gap: .4rem;
  margin: .25rem 0 .75rem; padding: 0; list-style: none;
}
.neighbours:last-child { margin-bottom: 0; }
.neighbours li { display: flex; flex-direction: column; font-size: .75rem; line-height: 1.25; min-width: 0; }
.neighbours img {
  width: 100%; height: auto; aspect-ratio: 1; object-fit: contain; padding: .2rem; border-radius: .35rem;
}
.neighbours .right img { border: 2px solid var(--right); }
.neighbours .wrong img { border: 2px dashed var(--wrong); }
.label {
  margin-top: .15rem; overflow: hidden; overflow-wrap: anywhere;
  display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; line-clamp: 3;
}
.mark { font-weight: 700; }
.mark.right { color: var(--right); }
.mark.wrong { color: var(--wrong); }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
:focus-visible { outline: 2px solid var(--line); outline-offset: 2px; }
@media (max-width: 30rem) {
  .comparison { grid-template-columns: 1fr; }
  .neighbours { grid-template-columns: repeat(auto-fill, minmax(4.25rem, 1fr)); }
  .query { display: flex; align-items: center; gap: .75rem; }
  .query img { width: 4.5rem; }
  .results th, .results td { padding-right: .6rem; }
  .results tbody th { min-width: 6rem; max-width: 9rem; font-size: .875rem; overflow-wrap: anywhere; }
}
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 0; padding: 0; list-style: none; }
a { color: var(--line); overflow-wrap: anywhere; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: .5rem; padding: .5rem; background: var(--card); }
section h3 { margin: 1.5rem 0 .25rem; }
section .comparison h3 { margin: 0; }
.confusion th, .confusion td { padding: .3rem .5rem; }
.confusion td { text-align: center; background: color-mix(in srgb, var(--line) calc(45% * var(--share)), transparent); }
.confusion thead th { text-align: center; min-width: 3.25rem; }
.confusion tbody th { min-width: 5.5rem; }
.confusion td.hit { outline: 2px solid var(--right); outline-offset: -2px; }
.published { border-left: .25rem solid var(--axis); padding-left: .75rem; margin-top: 1rem; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: .75rem; }
.pictures figure { margin: 0; }
.pictures img { display: block; width: 100%; height: auto; image-rendering: auto; }
@media print { body { max-width: none; } .panel, .comparison { break-inside: avoid; } }
`;
