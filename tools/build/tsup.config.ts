import { existsSync } from "node:fs";
import { defineConfig } from "tsup";

// One build for every package: its front door, its tools for tests and its worker entry where it
// has them (a worker thread needs a file of its own). Workspace packages stay imports: bundling
// them would register the tensor backends twice.
const doors = ["src/index.ts", "src/testing/index.ts"].filter((file) => existsSync(file));
const workers = ["src/worker.ts"].filter((file) => existsSync(file));

export default defineConfig({
  entry: [...doors, ...workers],
  format: "esm",
  target: "node20",
  platform: "node",
  dts: { entry: doors },
  sourcemap: true,
  clean: true,
  external: [/^@dinov2\//, /^@tensorflow\//, "vitest"],
  // tsup passes `baseUrl` to the declaration build, and TypeScript 5.9 needs no conditions there:
  // the declarations of sibling packages are built first (nx `dependsOn`).
  tsconfig: "tsconfig.json",
});
