import { gatherRows, RandomStream, tf, useBackend, valueAndGradients } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import type { VisionTransformerConfig } from "./config.ts";
import type { Features } from "./features.ts";
import { vitConfig } from "./sizes.ts";
import type { Crops } from "./tokens.ts";
import { VisionTransformer } from "./vision-transformer.ts";

beforeAll(() => useBackend({ name: "wasm", threads: 1 }));

const small = { embedDim: 12, depth: 2, numHeads: 3, patchSize: 4, imageSize: 16, initValues: 0.5 } as const;

const create = (overrides: Partial<VisionTransformerConfig> = {}) =>
  VisionTransformer.create(vitConfig("tiny", { ...small, ...overrides }), RandomStream.fromSeed(0));

const random = RandomStream.fromSeed(9);
const images = (...shape: [number, number, number, number]) =>
  tf.tensor4d(Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal()), shape);
const halfMasks = (batch: number, patches: number) =>
  tf.tensor2d(Uint8Array.from({ length: batch * patches }, (_, i) => i % 2), [batch, patches], "bool");

const largestDifference = (a: tf.Tensor, b: tf.Tensor) =>
  a.size === 0 ? 0 : tf.tidy(() => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!);

describe("forwardFeatures", () => {
  it("gives CLS, registers and patches their shapes", () => {
    const features = create({ numRegisterTokens: 3 }).forwardFeatures(images(2, 3, 8, 20));
    expect(features.xNormClstoken.shape).toEqual([2, 12]);
    expect(features.xNormRegtokens.shape).toEqual([2, 3, 12]);
    expect(features.xNormPatchtokens.shape).toEqual([2, 10, 12]);
    expect(features.xPrenorm.shape).toEqual([2, 14, 12]);
    expect(create().forwardFeatures(images(2, 3, 8, 20)).xNormRegtokens.shape).toEqual([2, 0, 12]);
  });

  it("sees nothing of a masked patch", () => {
    const model = create();
    const one = images(1, 3, 16, 16);
    const masks = tf.tensor2d(Uint8Array.from({ length: 16 }, (_, i) => (i < 4 ? 1 : 0)), [1, 16], "bool");
    const other = tf.concat([tf.zeros([1, 3, 4, 16]), tf.slice(one, [0, 0, 4, 0])], 2) as tf.Tensor4D;
    const [a, b] = [one, other].map((image) => model.forwardFeatures(image, { masks }).xPrenorm);
    expect(largestDifference(a!, b!)).toBe(0);
    expect(largestDifference(a!, model.forwardFeatures(one).xPrenorm)).toBeGreaterThan(0);
  });

  it.each([
    [[1, 3, 225, 16], "Image height 225 is not a multiple of patch size 4; resize or crop it."],
    [[1, 3, 16, 30], "Image width 30 is not a multiple of patch size 4; resize or crop it."],
    [[1, 1, 16, 16], "Images have the shape [1, 1, 16, 16]; expected [batch, 3, height, width]."],
  ] as const)("refuses images of shape %j", (shape, message) => {
    expect(() => create().forwardFeatures(tf.zeros([...shape]) as tf.Tensor4D)).toThrow(message);
  });

  it("refuses masks of another grid", () => {
    expect(() => create().forwardFeatures(images(1, 3, 16, 16), { masks: halfMasks(1, 9) })).toThrow(
      "Masks have the shape [1, 9]; these images need [1, 16]",
    );
  });
});

describe("forwardFeaturesList", () => {
  const crops = (): Crops[] => [
    { images: images(3, 3, 16, 16), masks: halfMasks(3, 16) },
    { images: images(5, 3, 8, 12) },
  ];

  it.each<Partial<VisionTransformerConfig>>([
    {},
    { ffnLayer: "swiglu", numRegisterTokens: 2, initValues: null },
    { ffnLayer: "identity", qkvBias: false },
  ])("equals separate forwards for %j", (overrides) => {
    const model = create(overrides);
    const list = crops();
    const packed = model.forwardFeaturesList(list);
    list.forEach(({ images: image, masks }, i) => {
      const separate = model.forwardFeatures(image, { masks: masks ?? null });
      for (const output of Object.keys(separate) as (keyof Features)[]) {
        expect(largestDifference(separate[output], packed[i]![output])).toBeLessThan(2e-5);
      }
    });
  });

  it("refuses an empty list", () => {
    expect(() => create().forwardFeaturesList([])).toThrow("The list of crops is empty");
  });

  it("leaves no tensor behind, in inference and in a gradient with stochastic depth", () => {
    const model = create({ dropPathRate: 0.3, numRegisterTokens: 1 });
    const list = crops();
    const stream = RandomStream.fromSeed(4);
    const before = tf.memory().numTensors;
    tf.dispose(model.forwardFeaturesList(list) as unknown as tf.TensorContainer);
    expect(tf.memory().numTensors).toBe(before);
    const { value, grads } = tf.variableGrads(() => {
      const [global, local] = model.forwardFeaturesList(list, { training: true, random: stream });
      const terms = [global!.xNormPatchtokens, local!.xNormClstoken].map((x) => tf.sum<tf.Scalar>(tf.square(x)));
      return tf.addN(terms);
    });
    tf.dispose([value, grads]);
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
    expect(tf.memory().numTensors).toBe(before - model.parameters.size);
  });
});

describe("forwardRows", () => {
  const rows = Int32Array.of(5, 0, 40, 17, 60, 61);

  it.each([0, 0.5])("gives the rows of a whole forward, with their gradients, at dropPathRate %d", (dropPathRate) => {
    const model = create({ dropPathRate, dropPathUniform: true, depth: 3 });
    const crops: Crops[] = [{ images: images(3, 3, 16, 16), masks: halfMasks(3, 16) }, { images: images(4, 3, 8, 8) }];
    const options = () => ({ training: true, random: RandomStream.fromSeed(3) });
    const some = valueAndGradients(() => {
      const read = model.forwardRows(crops, () => rows, options());
      return { value: tf.sum(tf.square(read)), extras: { read } };
    }, model.parameters);
    const whole = valueAndGradients(() => {
      const read = gatherRows(model.finalNorm(model.forwardTokens(crops, options()).tokens), rows);
      return { value: tf.sum(tf.square(read)), extras: { read } };
    }, model.parameters);
    expect(largestDifference(some.extras.read, whole.extras.read)).toBeLessThan(1e-5);
    for (const [name, gradient] of whole.gradients) {
      expect(largestDifference(some.gradients.get(name)!, gradient), name).toBeLessThan(1e-3);
    }
  });
});

describe("stochastic depth in the network", () => {
  it("is, on average over all subsets, the whole residual", () => {
    const model = create({ depth: 1, dropPathRate: 0.5, initValues: 1 });
    // Only attention is dropped: the branch after it would see what is missing, and so is silenced.
    model.parameters.get("blocks.0.ls2.gamma")!.assign(tf.zeros([12]));
    const input = images(4, 3, 8, 8);
    const full = model.forwardFeatures(input).xPrenorm;
    const pairs = [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]];
    const outputs = pairs.map((pair) => {
      const chooseSamples = () => Int32Array.from(pair);
      return model.forwardFeatures(input, { training: true, chooseSamples }).xPrenorm;
    });
    expect(largestDifference(outputs[0]!, full)).toBeGreaterThan(1e-3);
    expect(largestDifference(tf.div(tf.addN(outputs), pairs.length), full)).toBeLessThan(1e-6);
  });

  it("repeats with the same seed, in the plain mask form as well", () => {
    const model = create({ dropPathRate: 0.1 });
    const input = images(16, 3, 8, 8);
    const run = (seed: number) =>
      model.forwardFeatures(input, { training: true, random: RandomStream.fromSeed(seed) }).xPrenorm;
    expect(largestDifference(run(1), run(1))).toBe(0);
    expect(largestDifference(run(1), run(2))).toBeGreaterThan(0);
  });
});

describe("getIntermediateLayers", () => {
  it("ends with what the forward gives", () => {
    const model = create({ numRegisterTokens: 2 });
    const input = images(2, 3, 8, 12);
    const { xNormPatchtokens, xNormClstoken } = model.forwardFeatures(input);
    const layers = model.getIntermediateLayers(input, { n: 2, reshape: true, returnClassToken: true });
    expect(layers.map(({ patchTokens }) => patchTokens.shape)).toEqual([[2, 12, 2, 3], [2, 12, 2, 3]]);
    const map = tf.reshape(tf.transpose(layers[1]!.patchTokens, [0, 2, 3, 1]), [2, 6, 12]);
    expect(largestDifference(map, xNormPatchtokens)).toBe(0);
    expect(largestDifference(layers[1]!.classToken!, xNormClstoken)).toBe(0);
    expect(largestDifference(model.forward(input), xNormClstoken)).toBeLessThan(1e-6);
  });

  it("leaves no tensor behind but its results", () => {
    const model = create();
    const input = images(1, 3, 8, 8);
    const before = tf.memory().numTensors;
    tf.dispose(model.getIntermediateLayers(input, { n: [0], norm: false }).map(({ patchTokens }) => patchTokens));
    expect(tf.memory().numTensors).toBe(before);
  });

  it("refuses a block that is not there", () => {
    expect(() => create().getIntermediateLayers(images(1, 3, 8, 8), { n: [2] })).toThrow("has 2 blocks, 0 to 1");
    expect(() => create().getIntermediateLayers(images(1, 3, 8, 8), { n: 3 })).toThrow("Layers 3 were asked for");
  });
});
