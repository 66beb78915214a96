import { defineConfig } from "vitest/config";

// Tests read the sources of every package, never a build.
const conditions = ["@dinov2/source"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ["{packages,apps}/*/src/**/*.test.ts", "tools/**/*.test.ts", "tests/**/*.test.ts"],
    // For what hangs. A slow or busy machine may take a minute for tests of the command line that start several processes.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    pool: "forks",
    // Lines that a test prints (the parity table) come out as they are.
    disableConsoleIntercept: true,
  },
});
