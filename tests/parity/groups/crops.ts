// The packed forward of global and local crops, beside the reference's list forward and our own separate forwards.

import { tf } from "@dinov2/tensor";
import type { Crops, Features, VisionTransformer } from "@dinov2/vit";
import { backboneOf, contract, goldenTensor, plain } from "../backbone.ts";
import { compareTensor, compareValue, type Check, type Comparison, type GoldenCase } from "../harness.ts";

const kinds = ["global", "local"] as const;
const outputs = {
  x_norm_clstoken: "xNormClstoken",
  x_norm_regtokens: "xNormRegtokens",
  x_norm_patchtokens: "xNormPatchtokens",
} as const satisfies Record<string, keyof Features>;
const outputNames = Object.keys(outputs) as (keyof typeof outputs)[];

export const check: Check = async (golden) => {
  const model = backboneOf(golden);
  const crops: Crops[] = kinds.map((kind) => ({
    images: goldenTensor(golden, `in.${kind}`),
    masks: golden.has(`in.${kind}.masks`) ? goldenTensor<tf.Tensor2D>(golden, `in.${kind}.masks`) : null,
  }));
  const packed = model.forwardFeaturesList(crops);
  const comparisons = [
    ...(await compareOutputs(golden, packed)),
    compareValue(golden, "nested_vs_separate_max_abs", await distanceToSeparate(model, crops, packed)),
    ...(await compareGradients(golden, model, crops)),
  ];
  model.dispose();
  return comparisons;
};

async function compareOutputs(golden: GoldenCase, packed: readonly Features[]): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  for (const [i, kind] of kinds.entries()) {
    for (const name of outputNames.filter((output) => golden.has(`out.${kind}.${output}`))) {
      comparisons.push(compareTensor(golden, `out.${kind}.${name}`, await plain(packed[i]![outputs[name]])));
    }
  }
  return comparisons;
}

async function distanceToSeparate(model: VisionTransformer, crops: Crops[], packed: readonly Features[]): Promise<number> {
  const distances = crops.flatMap(({ images, masks }, i) => {
    const separate = model.forwardFeatures(images, { masks: masks ?? null });
    return outputNames
      .filter((name) => separate[outputs[name]].size > 0)
      .map((name) => tf.max(tf.abs(tf.sub(separate[outputs[name]], packed[i]![outputs[name]]))));
  });
  return Math.max(...distances.map((distance) => distance.dataSync()[0]!));
}

async function compareGradients(golden: GoldenCase, model: VisionTransformer, crops: Crops[]): Promise<Comparison[]> {
  const pairs = kinds.flatMap((kind, crop) =>
    outputNames
      .filter((name) => golden.has(`in.${kind}.cotangent.${name}`))
      .map((name) => ({ crop, name, cotangent: goldenTensor(golden, `in.${kind}.cotangent.${name}`) })),
  );
  const { value, grads } = tf.variableGrads(() => {
    const features = model.forwardFeaturesList(crops);
    const contracted = pairs.map(({ crop, name }) => features[crop]![outputs[name]]);
    return contract(contracted, pairs.map(({ cotangent }) => cotangent));
  });
  const comparisons = [compareValue(golden, "scalar", value.dataSync())];
  for (const [name, variable] of model.parameters) {
    if (golden.has(`grad.${name}`)) {
      comparisons.push(compareTensor(golden, `grad.${name}`, await plain(grads[variable.name]!)));
    }
  }
  return comparisons;
}
