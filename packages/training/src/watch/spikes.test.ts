import { describe, expect, it } from "vitest";
import { SpikeDetector } from "./spikes.ts";

/** A detector that has seen losses around 5, up and down by 0.1. */
function settled(steps = 20): SpikeDetector {
  const detector = new SpikeDetector({ window: 20, threshold: 10 });
  for (let i = 0; i < steps; i++) detector.remember({ total_loss: 5 + 0.1 * (-1) ** i });
  return detector;
}

describe("SpikeDetector", () => {
  it("finds what is more than so many deviations above the median", () => {
    expect(settled().find({ total_loss: 5.9 })).toEqual([]);
    expect(settled().find({ total_loss: 6.1 })).toEqual([{ measure: "total_loss", value: 6.1, median: 5 }]);
  });

  it("looks at gradient norms too, not at other measures, and not downward", () => {
    const detector = new SpikeDetector({ window: 4, threshold: 10 });
    for (let i = 0; i < 4; i++) detector.remember({ gradient_norm_backbone: 1, koleo_loss: 1, total_loss: 1 });
    const found = detector.find({ gradient_norm_backbone: 9, koleo_loss: 9, total_loss: 0 });
    expect(found.map(({ measure }) => measure)).toEqual(["gradient_norm_backbone"]);
  });

  it("says nothing before half a window", () => {
    expect(settled(9).find({ total_loss: 99 })).toEqual([]);
    expect(settled(10).find({ total_loss: 99 })).toHaveLength(1);
  });

  it("is not blinded by a spike, and takes half a window of high values for the new normal", () => {
    const detector = settled();
    for (let i = 0; i < 9; i++) {
      expect(detector.find({ total_loss: 50 })).toHaveLength(1);
      detector.remember({ total_loss: 50 });
    }
    for (let i = 0; i < 3; i++) detector.remember({ total_loss: 50 });
    expect(detector.find({ total_loss: 50 })).toEqual([]);
  });

  it("goes on from its windows as if it had not stopped", () => {
    const detector = settled();
    const windows = JSON.parse(JSON.stringify(detector.windows)) as Record<string, number[]>;
    const resumed = new SpikeDetector({ window: 20, threshold: 10 }, windows);
    expect(resumed.find({ total_loss: 6.1 })).toEqual(detector.find({ total_loss: 6.1 }));
  });
});
