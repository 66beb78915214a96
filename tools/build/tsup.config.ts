import { existsSync } from "node:fs";
import { defineConfig } from "tsup";

// One build for every package: its front door, and its worker entry where it has one
// (a worker thread needs a file of its own). Workspace packages stay imports: bundling
// them would register the tensor backends twice.
const entries = ["src/index.ts", "src/worker.ts"].filter((file) => existsSync(file));

export default defineConfig({
  entry: entries,
  format: "esm",
  target: "node20",
  platform: "node",
  dts: { entry: "src/index.ts" },
  sourcemap: true,
  clean: true,
  external: [/^@dinov2\//, /^@tensorflow\//],
  // tsup passes `baseUrl` to the declaration build, and TypeScript 5.9 needs no conditions there:
  // the declarations of sibling packages are built first (nx `dependsOn`).
  tsconfig: "tsconfig.json",
});
