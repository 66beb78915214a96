// Stochastic depth with the reference's recorded choices, on a plain batch and on a list of crops.

import type { tf } from "@dinov2/tensor";
import type { SampleDraw, VisionTransformer } from "@dinov2/vit";
import { backboneOf, goldenTensor, plain } from "../backbone.ts";
import { compareFact, compareTensor, type Check, type Comparison, type GoldenCase } from "../harness.ts";

const kinds = ["global", "local"] as const;
const branchNames = { attention: "attn", ffn: "ffn" } as const;

export const check: Check = async (golden) => {
  const model = backboneOf(golden);
  const comparisons = [...(await comparePlain(golden, model)), ...(await compareList(golden, model))];
  model.dispose();
  return comparisons;
};

/** Replays the recorded choices, and notes how many there were to make. */
function replay(golden: GoldenCase, form: "single" | "list", comparisons: Comparison[]) {
  return (draw: SampleDraw): Int32Array => {
    const name = `${form}.block${draw.block}.${branchNames[draw.branch]}.${kinds[draw.crop]}.kept`;
    const kept = Int32Array.from(golden.tensor(`in.${name}`).data);
    const detail = `we keep ${draw.keep} of ${draw.batch}, the reference ${kept.length}`;
    // In the mask form each sample decides for itself, and no count is given.
    comparisons.push(compareFact(`${name} count`, draw.keep === null || draw.keep === kept.length, detail));
    return kept;
  };
}

async function comparePlain(golden: GoldenCase, model: VisionTransformer): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  const chooseSamples = replay(golden, "single", comparisons);
  const { xPrenorm } = model.forwardFeatures(goldenTensor(golden, "in.global"), { training: true, chooseSamples });
  return [compareTensor(golden, "out.single.global.x_prenorm", await plain(xPrenorm)), ...comparisons];
}

async function compareList(golden: GoldenCase, model: VisionTransformer): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  const crops = kinds.map((kind) => ({ images: goldenTensor<tf.Tensor4D>(golden, `in.${kind}`) }));
  const chooseSamples = replay(golden, "list", comparisons);
  const features = model.forwardFeaturesList(crops, { training: true, chooseSamples });
  const outputs: Comparison[] = [];
  for (const [i, kind] of kinds.entries()) {
    outputs.push(compareTensor(golden, `out.list.${kind}.x_prenorm`, await plain(features[i]!.xPrenorm)));
  }
  return [...outputs, ...comparisons];
}
