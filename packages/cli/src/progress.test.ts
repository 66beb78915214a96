import { describe, expect, it } from "vitest";
import { Progress } from "./progress.ts";

function recorder(isTTY: boolean) {
  const written: string[] = [];
  return { written, stream: { isTTY, columns: 60, write: (text: string) => written.push(text) } };
}

describe("Progress", () => {
  it("writes a plain line at each interval into a log, and one at the end", () => {
    const { written, stream } = recorder(false);
    let now = 0;
    const progress = new Progress({ label: "extracting", total: 40, unit: "images", stream, interval: 10, clock: () => now });
    for (now = 1; now <= 20; now++) progress.update(2 * now);
    progress.finish();
    expect(written).toEqual([
      "extracting: 20/40, 2.0 images/s, 10.0 s left\n",
      "extracting: 40/40, 2.0 images/s, 0 ms left\n",
      "extracting: 40 images in 21.0 s\n",
    ]);
  });

  it("rewrites one line that fits a terminal, and clears it at the end", () => {
    const { written, stream } = recorder(true);
    let now = 0;
    const progress = new Progress({ label: "training", total: 10, stream, clock: () => now });
    now = 4;
    progress.update(2, "loss 10.123456789 and a detail longer than the terminal");
    expect(written[0]!.startsWith("\rtraining [##........] 2/10, 2.0 s/step, 16.0 s left")).toBe(true);
    expect(written[0]!.replace("\u001b[K", "").length).toBeLessThanOrEqual(60);
    progress.finish();
    expect(written[1]).toBe("\r\u001b[K");
  });

  it("measures the speed of a resumed run from where it began", () => {
    const { written, stream } = recorder(false);
    let now = 0;
    const progress = new Progress({ label: "training", total: 110, initial: 90, stream, interval: 1, clock: () => now });
    now = 10;
    progress.update(100);
    expect(written).toEqual(["training: 100/110, 1.0 steps/s, 10.0 s left\n"]);
  });
});
