// The backbone on images of several sizes: every output of the forward, intermediate layers, the resized position
// embedding, and gradients of weights and images. A size's tensors share a tag: `in.x56.image`, `out.x56.…`.

import { tf } from "@dinov2/tensor";
import { parameter, positionEmbedding, type Features, type IntermediateLayer, type VisionTransformer } from "@dinov2/vit";
import { backboneOf, contract, goldenTensor, plain } from "../backbone.ts";
import { compareTensor, compareValue, type Check, type Comparison, type GoldenCase } from "../harness.ts";

const outputs = {
  x_norm_clstoken: "xNormClstoken",
  x_norm_regtokens: "xNormRegtokens",
  x_norm_patchtokens: "xNormPatchtokens",
  x_prenorm: "xPrenorm",
} as const satisfies Record<string, keyof Features>;

/** The golden tensors of one image size, and the network that has to reproduce them. */
interface Sized {
  readonly golden: GoldenCase;
  readonly model: VisionTransformer;
  readonly tag: string;
  readonly image: tf.Tensor4D;
  readonly masks: tf.Tensor2D | null;
}

export const check: Check = async (golden) => {
  const model = backboneOf(golden);
  const comparisons: Comparison[] = [];
  for (const name of golden.names("in.").filter((input) => input.endsWith(".image"))) {
    const tag = name.split(".")[1]!;
    const maskName = `in.${tag}.masks`;
    const masks = golden.has(maskName) ? goldenTensor<tf.Tensor2D>(golden, maskName) : null;
    const sized: Sized = { golden, model, tag, image: goldenTensor(golden, name), masks };
    comparisons.push(
      ...(await compareForwards(sized)),
      ...(await compareIntermediateLayers(sized)),
      ...(await comparePositionEmbedding(sized)),
      ...(await compareGradients(sized)),
    );
  }
  model.dispose();
  return comparisons;
};

async function compareForwards({ golden, model, tag, image, masks }: Sized): Promise<Comparison[]> {
  const named: [string, tf.Tensor][] = [[`out.${tag}.forward`, model.forward(image)]];
  const add = (prefix: string, features: Features) => {
    for (const [official, ours] of Object.entries(outputs)) named.push([`${prefix}.${official}`, features[ours]]);
  };
  add(`out.${tag}`, model.forwardFeatures(image));
  if (masks) add(`out.${tag}.masked`, model.forwardFeatures(image, { masks }));
  return compareAll(golden, named);
}

/** Which layers a golden tensor is of stands in its description: `get_intermediate_layers(n=[0, 2], …)`. */
async function compareIntermediateLayers({ golden, model, tag, image }: Sized): Promise<Comparison[]> {
  const { depth } = model.config;
  const layersOf = (name: string, otherwise: number | number[]) => {
    const match = /n=(\d+|\[[\d, ]*\])/.exec(golden.description(name));
    return match ? (JSON.parse(match[1]!) as number | number[]) : otherwise;
  };
  const mapCount = golden.names(`out.${tag}.inter`).filter((name) => name.endsWith(".feat")).length;
  const named: [string, tf.Tensor][] = [];
  const add = (layers: readonly IntermediateLayer[], name: (i: number) => string) =>
    layers.forEach(({ patchTokens, classToken }, i) => {
      named.push([name(i) + (classToken ? ".feat" : ".nonorm"), patchTokens]);
      if (classToken) named.push([`${name(i)}.cls`, classToken]);
    });
  const n = layersOf(`out.${tag}.inter0.feat`, Math.max(mapCount, 1));
  const maps = model.getIntermediateLayers(image, { n, reshape: true, returnClassToken: true });
  add(maps, (i) => `out.${tag}.inter${i}`);
  const list = layersOf(`out.${tag}.inter_list0.nonorm`, [0, depth - 1]);
  const raw = model.getIntermediateLayers(image, { n: list, norm: false });
  add(raw, (i) => `out.${tag}.inter_list${i}`);
  return compareAll(golden, named);
}

async function comparePositionEmbedding({ golden, model, tag, image }: Sized): Promise<Comparison[]> {
  const { patchSize, interpolateAntialias, interpolateOffset } = model.config;
  const grid = { height: image.shape[2] / patchSize, width: image.shape[3] / patchSize };
  const resized = positionEmbedding(parameter(model.parameters, "pos_embed"), grid, {
    antialias: interpolateAntialias,
    offset: interpolateOffset,
  });
  return compareAll(golden, [[`out.${tag}.pos_embed`, tf.concat([resized.cls, resized.patches], 1)]]);
}

async function compareGradients({ golden, model, tag, image, masks }: Sized): Promise<Comparison[]> {
  const contracted = Object.entries(outputs).filter(([official]) => golden.has(`in.${tag}.cotangent.${official}`));
  if (contracted.length === 0) return [];
  const cotangents = contracted.map(([official]) => goldenTensor(golden, `in.${tag}.cotangent.${official}`));
  const scalarOf = (images: tf.Tensor4D) => {
    const features = model.forwardFeatures(images, { masks });
    return contract(contracted.map(([, ours]) => features[ours]), cotangents);
  };
  const { value, grads } = tf.variableGrads(() => scalarOf(image));
  const ofImage = tf.grad((images) => scalarOf(images as tf.Tensor4D))(image);
  const named: [string, tf.Tensor][] = [[`grad.${tag}.image`, ofImage]];
  for (const [name, variable] of model.parameters) {
    // No gradient where the scalar does not depend on the weight: the mask token without masks.
    named.push([`grad.${tag}.${name}`, grads[variable.name] ?? tf.zerosLike(variable)]);
  }
  return [compareValue(golden, `${tag}.scalar`, value.dataSync()), ...(await compareAll(golden, named))];
}

/** Compares what the case has golden numbers for. */
async function compareAll(golden: GoldenCase, named: readonly (readonly [string, tf.Tensor])[]): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  for (const [name, tensor] of named) {
    if (golden.has(name)) comparisons.push(compareTensor(golden, name, await plain(tensor)));
  }
  return comparisons;
}
