// Convolutions and their gradients: native/kernels/convolution.cc.
import { tf } from "@dinov2/tensor";
import { activationAttributes } from "./activation.ts";
import { type KernelBodies, type KernelBody, one } from "./kernel.ts";
import { convolutionInfo, windowAttributes, type WindowAttributes } from "./window.ts";

const plain = (name: string, depthwise: boolean): KernelBody => (backend, { x, filter }, attributes) => {
  const info = convolutionInfo(x!.shape, filter!.shape, attributes as unknown as WindowAttributes, depthwise);
  return one(backend.run(name, [x, filter], windowAttributes(info)));
};

const fused = (name: string, depthwise: boolean): KernelBody => (backend, inputs, attributes) => {
  const { x, filter, bias, preluActivationWeights: weights } = inputs;
  const info = convolutionInfo(x!.shape, filter!.shape, attributes as unknown as WindowAttributes, depthwise);
  const channelsLast = info.dataFormat === "channelsLast";
  const plainBias = bias === undefined || bias.shape.length === 1;
  tf.util.assert(channelsLast || (plainBias && weights === undefined), () =>
    `${name}: with the data format NCHW only a bias [C] and no weights of prelu were expected; use NHWC.`);
  return one(backend.run(name, [x, filter, bias, weights], [...windowAttributes(info), ...activationAttributes(attributes)]));
};

const inputGradient = (name: string, depthwise: boolean): KernelBody => (backend, { dy, filter }, attributes) => {
  const shape = attributes["inputShape"] as number[];
  const info = convolutionInfo(shape, filter!.shape, attributes as unknown as WindowAttributes, depthwise);
  return one(backend.run(name, [dy, filter], [...windowAttributes(info), shape]));
};

const filterGradient = (name: string, depthwise: boolean): KernelBody => (backend, { x, dy }, attributes) => {
  const shape = attributes["filterShape"] as number[];
  const info = convolutionInfo(x!.shape, shape, attributes as unknown as WindowAttributes, depthwise);
  return one(backend.run(name, [x, dy], [...windowAttributes(info), shape]));
};

export const convolutionKernels: KernelBodies = {
  Conv2D: plain("Conv2D", false),
  Conv2DBackpropFilter: filterGradient("Conv2DBackpropFilter", false),
  Conv2DBackpropInput: inputGradient("Conv2DBackpropInput", false),
  DepthwiseConv2dNative: plain("DepthwiseConv2dNative", true),
  DepthwiseConv2dNativeBackpropFilter: filterGradient("DepthwiseConv2dNativeBackpropFilter", true),
  DepthwiseConv2dNativeBackpropInput: inputGradient("DepthwiseConv2dNativeBackpropInput", true),
  FusedConv2D: fused("FusedConv2D", false),
  FusedDepthwiseConv2D: fused("FusedDepthwiseConv2D", true),
};
