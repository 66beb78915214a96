// Loads every built package in plain Node, as a user who installed it would: no source condition, no loader.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const packages = fileURLToPath(new URL("../../packages", import.meta.url));
let empty = 0;
for (const folder of readdirSync(packages)) {
  const { name } = JSON.parse(readFileSync(`${packages}/${folder}/package.json`, "utf8"));
  const exported = Object.keys(await import(name)).length;
  if (exported === 0) empty++;
  console.log(`${name.padEnd(24)} ${exported} exports`);
}
if (empty > 0) {
  console.error(`${empty} packages export nothing from their build.`);
  process.exit(1);
}
