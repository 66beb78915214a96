import { describe, expect, it } from "vitest";
import { ImageWatcher } from "./image-watcher.ts";

function recorder() {
  const written: string[] = [];
  return { written, stream: { write: (text: string) => written.push(text) } };
}

describe("ImageWatcher", () => {
  it("names files left out once images of the stage are through, and counts each stage", () => {
    const { written, stream } = recorder();
    const watcher = new ImageWatcher(stream);
    watcher.skipped("a.jpg", "cannot be decoded.");
    expect(written).toEqual([]);
    watcher.progress("train", 8, 10);
    watcher.progress("test", 4, 5);
    watcher.skipped("b.jpg", "cannot be decoded.");
    watcher.finish();
    expect(written.map((line) => line.replace(/ in .*\n/, ""))).toEqual([
      "left out a.jpg: cannot be decoded.\n",
      "train: 8 images",
      "left out b.jpg: cannot be decoded.\n",
      "test: 4 images",
    ]);
    expect(watcher.skippedImages.map(({ name }) => name)).toEqual(["a.jpg", "b.jpg"]);
  });

  it("counts what is no image in its own unit", () => {
    const { written, stream } = recorder();
    const watcher = new ImageWatcher(stream);
    watcher.progress("selecting C", 3, 45, "values");
    watcher.finish();
    expect(written[0]).toMatch(/^selecting C: 3 values in /);
  });

  it("says nothing when no image is through", () => {
    const { written, stream } = recorder();
    const watcher = new ImageWatcher(stream);
    watcher.skipped("a.jpg", "cannot be decoded.");
    watcher.clear();
    expect(written).toEqual([]);
  });
});
