import { describe, expect, it } from "vitest";
import { describeStart, describeStop, describeSummary, describeUnsaved, resumeCommand } from "./describe.ts";

describe("resumeCommand", () => {
  it("goes on with the same run, without repeating the recipe", () => {
    expect(resumeCommand({ data: "photos", out: "runs/a", backend: "auto", precision: "fp32" })).toBe(
      "dinov2 pretrain --data photos --out runs/a --resume",
    );
  });

  it("keeps a chosen engine, and quotes what a shell would take apart", () => {
    const chosen = { backend: "libtorch", device: "cuda:1", precision: "bf16", threads: 2 } as const;
    expect(resumeCommand({ data: "my photos/*.jpg", out: "it's", ...chosen })).toBe(
      String.raw`dinov2 pretrain --data 'my photos/*.jpg' --out 'it'\''s' --backend libtorch --device cuda:1 ` +
        "--precision bf16 --threads 2 --resume",
    );
  });
});

describe("the end of a run that goes on later", () => {
  const options = { data: "photos", out: "runs/a", backend: "auto", precision: "fp32" } as const;

  it("names the command, unless there was no step", () => {
    expect(describeStop(3, options)).toBe("Stopped at step 3; go on with: dinov2 pretrain --data photos --out runs/a --resume");
    expect(describeStop(0, options)).not.toContain("--resume");
    expect(describeUnsaved(new Error("Checkpoint lost."), options)).toMatch(/^Checkpoint lost\. Make room.*--resume$/);
  });
});

const backend = { name: "wasm", device: "cpu", precision: "fp32", threads: 2, engine: "WebAssembly" } as const;
const start = { images: 200, step: 0, steps: 500, batchSize: 32, expectedLosses: { ibot_loss: 3.4657 }, warmStart: null };

describe("describeStart", () => {
  it("says what is to be known of the engine on a line of its own", () => {
    const note = "Runs on one thread.";
    expect(describeStart(start, { ...backend, note })).toMatch(/^Backend .*\.\nRuns on one thread\.\n200 images/);
  });

  it("says what the losses of a new run start near", () => {
    expect(describeStart(start, backend)).toContain("200 images, 500 steps of 32.\nLosses start near");
    expect(describeStart(start, backend)).toContain("ibot_loss 3.47");
  });

  it("says where a resumed run goes on", () => {
    expect(describeStart({ ...start, step: 40 }, backend)).toMatch(/Going on after step 40\.$/);
  });
});

describe("describeStart, from weights,", () => {
  const warmStart = {
    model: "runs/a",
    file: "runs/a/checkpoints/step-0000010/teacher.safetensors",
    used: ["backbone.cls_token"],
    resized: [{ name: "backbone.pos_embed", from: [1, 257, 8], to: [1, 1370, 8] }],
    random: ["dino_head.mlp.0.weight", "dino_head.mlp.0.bias"],
    unused: ["backbone.register_tokens"],
  };

  it("says what was used, resized, left random and left aside", () => {
    expect(describeStart({ ...start, warmStart }, backend)).toContain(
      `Starts from ${warmStart.file}: 1 tensors as they are, backbone.pos_embed resized from 256 to 1369 patches.\n` +
        "Random, none there that fits: 2 of dino_head.\nLeft aside, no place for it: 1 of backbone (backbone.register_tokens).",
    );
  });

  it("promises the losses of an even spread only while the heads are random", () => {
    expect(describeStart({ ...start, warmStart }, backend)).toContain("Losses start near");
    const used = [...warmStart.used, "dino_head.mlp.0.weight"];
    expect(describeStart({ ...start, warmStart: { ...warmStart, used } }, backend)).not.toContain("Losses start near");
  });
});

describe("describeSummary", () => {
  const summary = {
    run: "runs/a",
    step: 10,
    steps: 10,
    finished: true,
    images: 200,
    skippedImages: 0,
    parameters: { backbone: 1000, dinoHead: 200, ibotHead: 0 },
    seconds: 61,
    last: { step: 10, total_loss: 7.5 },
  };

  it("leaves out what there is none of", () => {
    const text = describeSummary(summary);
    expect(text).toContain("10 of 10");
    expect(text).not.toMatch(/iBOT|skipped/);
  });

  it("names a separate iBOT head and images that were left out", () => {
    const text = describeSummary({ ...summary, skippedImages: 3, parameters: { ...summary.parameters, ibotHead: 50 } });
    expect(text).toContain("50 iBOT head");
    expect(text).toContain("3 unreadable ones skipped");
  });
});
