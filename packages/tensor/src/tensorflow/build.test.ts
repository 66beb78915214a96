import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { faultOf } from "./build.ts";

const here = fileURLToPath(import.meta.url);

describe("a build of the tensorflow backend", () => {
  it("that is not there names the command that makes it", () => {
    expect(faultOf(undefined)).toMatch(/^its addon is not built; npm run build:tensorflow builds it/);
  });

  it("serves while its libraries are where they were", () => {
    expect(faultOf({ version: "2.21.0", libraries: [here] })).toBeUndefined();
  });

  it("names the library that has gone", () => {
    expect(faultOf({ version: "2.21.0", libraries: [here, "/gone/libtensorflow_cc.so.2"] })).toMatch(
      /^\/gone\/libtensorflow_cc\.so\.2, .*cannot be found; run again: npm run build:tensorflow$/);
  });
});
