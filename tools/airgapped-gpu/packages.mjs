// Prints the folders of node_modules that the sources, their tests and the benchmarks need at run time, one a line: the
// dependencies of the workspaces and of the tools named here, as package-lock.json resolves them on this platform.
import { existsSync, readFileSync } from "node:fs";

/** Of the root's development dependencies, what runs things; the rest checks or publishes them. */
const tools = ["tsx", "vite", "vitest"];

/** What the report's pages and the demo's pictures need: a third of everything, and nothing that a GPU speeds up. */
const leftOut = new Set(["echarts", "@lobehub/fluent-emoji-3d", "unicode-emoji-json"]);

const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8"));
const needed = new Set();

/** The place of `name` as a package in the folder `from` sees it; undefined where it is not installed. */
function resolve(name, from) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/node_modules/")))) {
    const place = folder === "" ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (packages[place] !== undefined) return existsSync(place) ? place : undefined;
    if (folder === "") return undefined;
  }
}

function need(name, from) {
  const place = leftOut.has(name) ? undefined : resolve(name, from);
  if (place === undefined || needed.has(place)) return;
  needed.add(place);
  const { dependencies = {}, optionalDependencies = {} } = packages[place];
  for (const one of Object.keys({ ...dependencies, ...optionalDependencies })) need(one, place);
}

for (const tool of tools) need(tool, "");
for (const [place, { link, resolved }] of Object.entries(packages)) {
  if (!link) continue;
  needed.add(place);
  const { dependencies = {}, devDependencies = {} } = packages[resolved];
  for (const name of Object.keys({ ...dependencies, ...devDependencies })) need(name, resolved);
}
console.log([...needed].sort().join("\n"));
