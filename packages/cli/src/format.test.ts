import { describe, expect, it } from "vitest";
import { formatBytes, formatDuration, formatFacts, formatTable } from "./format.ts";

describe("terminal formats", () => {
  it.each([
    [0.0123, "12 ms"],
    [0.9999, "1.0 s"],
    [59.96, "1 min 00 s"],
    [245, "4 min 05 s"],
    [7800, "2 h 10 min"],
  ])("writes %d seconds as %s", (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });

  it.each([
    [512, "512 B"],
    [1536, "1.5 KiB"],
    [1024 ** 2 - 1, "1.0 MiB"],
    [3 * 1024 ** 4, "3.0 TiB"],
  ])("writes %d bytes as %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it("aligns columns and leaves no space at the end of a line", () => {
    const table = formatTable([["k", "top-1"], ["10", "0.5"], ["200", "0.25"]], ["right", "left"]);
    expect(table).toBe("  k  top-1\n 10  0.5\n200  0.25");
  });

  it("wraps a long fact beside its label", () => {
    const text = formatFacts("Engines", [["wasm", "available"], ["libtorch", "not here: install it with one command"]], 40);
    expect(text).toBe(
      ["Engines", "  wasm      available", "  libtorch  not here: install it with", "            one command"].join("\n"),
    );
  });
});
