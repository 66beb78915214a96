// `npm run crosscheck [-- --json]`: evaluation's numbers beside independent implementations in Python, in one run. A check is a
// file beside this one and a row below. Without Python, or without a library, a row says so.

import { fileURLToPath } from "node:url";
import { backendFromEnvironment, useBackend } from "@dinov2/tensor";
import { findPython, PeerProcess } from "../bench/peer-process.ts";
import type { Crosscheck, Row } from "./crosscheck.ts";
import { depthCheck } from "./depth.ts";
import { knnChecks } from "./knn.ts";
import { logisticCheck } from "./logistic.ts";
import { retrievalCheck } from "./retrieval.ts";
import { segmentationCheck } from "./segmentation.ts";

const checks: readonly Crosscheck[] = [...knnChecks, logisticCheck, retrievalCheck, segmentationCheck, depthCheck];

async function rowsOf(peer: PeerProcess | undefined, libraries: Readonly<Record<string, string>>): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { name, library, run } of checks) {
    if (peer && library in libraries) {
      const differences = await run((request) => peer.ask(request));
      rows.push(...differences.map((difference) => ({ check: name, beside: `${library} ${libraries[library]}`, ...difference, agrees: difference.worst <= difference.allowed })));
    } else {
      const missing = peer ? `${library} is not installed` : "no Python with numpy found (tried DINOV2_PYTHON, python3, /usr/bin/python3)";
      rows.push({ check: name, beside: missing, what: "", worst: null, allowed: null, agrees: null });
    }
  }
  return rows;
}

/** A Python with all libraries is better than the first one with numpy. */
const python = findPython(["numpy", "sklearn"]) ?? findPython(["numpy"]);
const backend = await useBackend(backendFromEnvironment());
const started = python === undefined ? undefined : await PeerProcess.start<Record<string, string>>(python, [fileURLToPath(new URL("peer.py", import.meta.url))]);
try {
  const rows = await rowsOf(started?.peer, started?.about ?? {});
  if (process.argv.includes("--json")) console.log(JSON.stringify({ backend: backend.name, engine: backend.engine, rows }, null, 2));
  else console.table(rows);
  if (rows.some(({ agrees }) => agrees === false)) process.exitCode = 1;
} finally {
  started?.peer.close();
}
