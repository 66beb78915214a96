// Calls of kernels on images [N, H, W, C]: convolutions, pooling, resizing, boxes.
import { tf } from "@dinov2/tensor";
import type { Draw, Operand } from "./draw.ts";
import { type Generator, type Generators, generatorsFor } from "./kernel-call.ts";
import { activations } from "./reduction-calls.ts";

type Shape4D = [number, number, number, number];

const imageShape = (draw: Draw): Shape4D => [draw.integer(1, 2), draw.integer(5, 9), draw.integer(5, 9), draw.integer(1, 4)];

interface Convolution {
  readonly strides: [number, number];
  readonly pad: "same" | "valid" | number | [[0, 0], [number, number], [number, number], [0, 0]];
  readonly dilations: [number, number];
  readonly dataFormat: "NHWC";
  readonly dimRoundingMode: "floor" | "round" | "ceil" | undefined;
}

/** Strides or dilations are 1, as TF.js asks for. */
function convolution(draw: Draw, dilated: boolean): Convolution {
  const strides: [number, number] = [draw.integer(1, 3), draw.integer(1, 3)];
  const explicit = (): Convolution["pad"] => [[0, 0], [draw.integer(0, 2), draw.integer(0, 2)], [draw.integer(0, 2), draw.integer(0, 2)], [0, 0]];
  const pad = draw.pick([() => "same" as const, () => "valid" as const, () => draw.integer(0, 1), explicit])();
  const dimRoundingMode = typeof pad === "string" ? undefined : draw.pick(["floor", "ceil", "round"] as const);
  const steps = dilated && draw.chance(0.3);
  return { strides: steps ? [1, 1] : strides, pad, dilations: steps ? [2, 2] : [1, 1], dataFormat: "NHWC", dimRoundingMode };
}

function outShape(x: Shape4D, filter: Shape4D, { strides, pad, dilations, dimRoundingMode }: Convolution, depthwise: boolean): number[] {
  return tf.backend_util.computeConv2DInfo(x, filter, strides, dilations, pad as number, dimRoundingMode, depthwise).outShape;
}

function convolved(draw: Draw, depthwise: boolean, dilated = true) {
  const shape = imageShape(draw);
  const filterShape: Shape4D = [draw.integer(1, 3), draw.integer(1, 3), shape[3], draw.integer(1, 3)];
  const attributes = convolution(draw, dilated);
  const out = outShape(shape, filterShape, attributes, depthwise);
  return { x: draw.floats(shape), filter: draw.floats(filterShape), attributes, out, shape, filterShape };
}

const forward = (depthwise: boolean): Generator => (draw) => {
  const { x, filter, attributes } = convolved(draw, depthwise);
  return { inputs: { x, filter }, attributes: { ...attributes } };
};

const fused = (depthwise: boolean): Generator => (draw) => {
  const { x, filter, attributes, out } = convolved(draw, depthwise);
  const activation = draw.pick(activations);
  const ofChannels = () => draw.floats([out[3]!]);
  const inputs: Record<string, Operand> = { x, filter };
  if (draw.chance(0.7)) inputs["bias"] = ofChannels();
  if (activation === "prelu") inputs["preluActivationWeights"] = ofChannels();
  return { inputs, attributes: { ...attributes, activation, leakyreluAlpha: 0.3 } };
};

const inputGradient = (depthwise: boolean): Generator => (draw) => {
  const { filter, attributes, out, shape } = convolved(draw, depthwise, false);
  return { inputs: { dy: draw.floats(out), filter }, attributes: { ...attributes, inputShape: shape } };
};

const filterGradient = (depthwise: boolean): Generator => (draw) => {
  const { x, attributes, out, filterShape } = convolved(draw, depthwise, false);
  return { inputs: { x, dy: draw.floats(out) }, attributes: { ...attributes, filterShape } };
};

const convolutions: Generators = {
  Conv2D: forward(false),
  DepthwiseConv2dNative: forward(true),
  FusedConv2D: fused(false),
  FusedDepthwiseConv2D: fused(true),
  Conv2DBackpropInput: inputGradient(false),
  DepthwiseConv2dNativeBackpropInput: inputGradient(true),
  Conv2DBackpropFilter: filterGradient(false),
  DepthwiseConv2dNativeBackpropFilter: filterGradient(true),
};

function pooled(draw: Draw, pads: readonly ("same" | "valid" | number)[]) {
  const shape = imageShape(draw);
  const filterSize: [number, number] = [draw.integer(1, 3), draw.integer(1, 3)];
  const strides: [number, number] = [draw.integer(1, 3), draw.integer(1, 3)];
  const pad = draw.pick(pads);
  const dimRoundingMode = typeof pad === "number" ? ("floor" as const) : undefined;
  const info = tf.backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
  return { shape, attributes: { filterSize, strides, pad, dimRoundingMode }, out: info.outShape };
}

const pools: Generators = {
  ...generatorsFor(["AvgPool", "MaxPool"], (draw) => {
    const { shape, attributes } = pooled(draw, ["same", "valid", 0]);
    return { inputs: { x: draw.floats(shape) }, attributes };
  }),
  MaxPoolGrad: (draw) => {
    const { shape, attributes, out } = pooled(draw, ["same", "valid", 0]);
    return { inputs: { dy: draw.floats(out), input: draw.integers(shape, 0, 3), output: draw.floats(out) }, attributes };
  },
  // "valid" alone: the cpu backend divides by the whole window also where a part of it lies outside, unlike its own AvgPool.
  AvgPoolGrad: (draw) => {
    const { shape, attributes, out } = pooled(draw, ["valid"]);
    return { inputs: { dy: draw.floats(out), input: draw.floats(shape) }, attributes };
  },
};

/** Corners that are aligned have no half pixels. */
function resizing(draw: Draw): { alignCorners: boolean; halfPixelCenters: boolean } {
  const alignCorners = draw.chance(0.4);
  return { alignCorners, halfPixelCenters: !alignCorners && draw.chance(0.5) };
}

const resizes: Generators = {
  ...generatorsFor(["ResizeBilinear", "ResizeNearestNeighbor"], (draw) => ({
    inputs: { images: draw.floats(imageShape(draw)) },
    attributes: { size: [draw.integer(1, 12), draw.integer(1, 12)], ...resizing(draw) },
  })),
  // One square image, and no half pixels: the cpu backend exchanges height and width, mixes the images of a batch up, and leaves
  // the half pixels out.
  ...generatorsFor(["ResizeBilinearGrad", "ResizeNearestNeighborGrad"], (draw) => {
    const [, side, , channels] = imageShape(draw);
    const dy = draw.floats([1, draw.integer(1, 12), draw.integer(1, 12), channels]);
    const attributes = { alignCorners: draw.chance(0.4), halfPixelCenters: false };
    return { inputs: { images: draw.floats([1, side, side, channels]), dy }, attributes };
  }),
  CropAndResize: (draw) => {
    const shape = imageShape(draw);
    const boxes = draw.integer(1, 4);
    return {
      inputs: { image: draw.floats(shape), boxes: draw.floats([boxes, 4], { low: -0.2, high: 1.2 }), boxInd: draw.integers([boxes], 0, shape[0] - 1) },
      attributes: { cropSize: [draw.integer(1, 5), draw.integer(1, 5)], method: draw.pick(["bilinear", "nearest"]), extrapolationValue: draw.integer(0, 2) },
    };
  },
  FlipLeftRight: (draw) => ({ inputs: { image: draw.floats(imageShape(draw)) } }),
};

const suppressions: Generators = generatorsFor(["NonMaxSuppressionV3", "NonMaxSuppressionV4", "NonMaxSuppressionV5"], (draw) => {
  const count = draw.integer(1, 12);
  const inputs = { boxes: draw.floats([count, 4], { low: 0, high: 1 }), scores: draw.floats([count], { low: 0, high: 1 }) };
  const attributes = { maxOutputSize: draw.integer(1, 6), iouThreshold: 0.4, scoreThreshold: 0.2, padToMaxOutputSize: draw.chance(0.5), softNmsSigma: 0.3 };
  return { inputs, attributes };
});

export const imageCalls: Generators = {
  ...convolutions,
  ...pools,
  ...resizes,
  ...suppressions,
  FusedBatchNorm: (draw) => {
    const shape = imageShape(draw);
    const ofChannels = (low = -2) => draw.floats([shape[3]], { low });
    const inputs: Record<string, Operand> = { x: draw.floats(shape), mean: ofChannels(), variance: ofChannels(0.1) };
    if (draw.chance(0.7)) inputs["scale"] = ofChannels();
    if (draw.chance(0.7)) inputs["offset"] = ofChannels();
    return { inputs, attributes: { varianceEpsilon: 0.001 } };
  },
};
