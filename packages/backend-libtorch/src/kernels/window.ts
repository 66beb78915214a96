// How a window moves over an image, as native/window.h reads it.
import { tf } from "@dinov2/tensor";
import type { Attribute } from "../call-frame.ts";

type Conv2DInfo = tf.backend_util.Conv2DInfo;
type Shape4D = [number, number, number, number];

/** What TF.js says of a convolution or pooling, under the names of its attributes. */
export interface WindowAttributes {
  readonly strides: [number, number] | number;
  readonly pad: "valid" | "same" | number;
  /** TF.js layers leave it null for depthwise convolutions. */
  readonly dilations?: [number, number] | number | null;
  readonly dimRoundingMode?: "floor" | "round" | "ceil";
  readonly dataFormat?: "NHWC" | "NCHW";
}

export function convolutionInfo(x: readonly number[], filter: readonly number[], attributes: WindowAttributes, depthwise: boolean): Conv2DInfo {
  const { strides, pad, dilations, dimRoundingMode, dataFormat = "NHWC" } = attributes;
  const format = tf.backend_util.convertConv2DDataFormat(dataFormat);
  return tf.backend_util.computeConv2DInfo(x as Shape4D, filter as Shape4D, strides, dilations ?? 1, pad, dimRoundingMode, depthwise, format);
}

export function poolingInfo(x: readonly number[], filterSize: [number, number] | number, attributes: WindowAttributes): Conv2DInfo {
  const { strides, pad, dilations, dimRoundingMode } = attributes;
  return tf.backend_util.computePool2DInfo(x as Shape4D, filterSize, strides, dilations ?? 1, pad, dimRoundingMode);
}

/** The padding behind the last row, so that `size` windows fit: TF.js may round their number down or up. */
function paddingAfter(size: number, stride: number, window: number, input: number, before: number): number {
  return (size - 1) * stride + window - input - before;
}

export function windowAttributes(info: Conv2DInfo): Attribute[] {
  const { strideHeight, strideWidth, dilationHeight, dilationWidth, padInfo, dataFormat } = info;
  const bottom = paddingAfter(info.outHeight, strideHeight, info.effectiveFilterHeight, info.inHeight, padInfo.top);
  const right = paddingAfter(info.outWidth, strideWidth, info.effectiveFilterWidth, info.inWidth, padInfo.left);
  return [
    [strideHeight, strideWidth],
    [dilationHeight, dilationWidth],
    [padInfo.top, bottom, padInfo.left, right],
    dataFormat === "channelsLast",
  ];
}
