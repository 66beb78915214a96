// The layers of the DPT head by name, and their weights: which there are, as they are stored here, and as published files have them.

import type { RandomStream } from "@dinov2/foundation";
import type { HeadTensor } from "../dense/head-weights.ts";
import { uniformVariable } from "./depth-head.ts";

export interface DptSizes {
  /** D, the width of the tokens. */
  readonly width: number;
  /** Of the maps that are fused: 256. */
  readonly channels: number;
  /** Of the four maps before that, fine to coarse: [D/8, D/4, D/2, D]. */
  readonly stageChannels: readonly [number, number, number, number];
}

/** Of the last layers, after the maps were fused. */
const LAST_CHANNELS = 32;

export interface DptLayer {
  readonly name: string;
  readonly kind: "linear" | "pointwise" | "convolution" | "transposed";
  readonly inputs: number;
  readonly outputs: number;
  /** Of the kernel, in places. */
  readonly side: number;
  readonly bias: boolean;
}

/** Every layer under its official name (`DPTHead` of `dinov2/hub/depth/decode_heads.py`). */
export function dptLayers({ width, channels, stageChannels }: DptSizes): DptLayer[] {
  const pointwise = (name: string, inputs: number, outputs: number): DptLayer => ({ name, kind: "pointwise", inputs, outputs, side: 1, bias: true });
  const convolution = (name: string, inputs: number, outputs: number, bias: boolean): DptLayer => ({ name, kind: "convolution", inputs, outputs, side: 3, bias });
  const transposed = (name: string, count: number, side: number): DptLayer => ({ name, kind: "transposed", inputs: count, outputs: count, side, bias: true });
  const reassemble = "reassemble_blocks";
  return [
    ...stageChannels.flatMap((count, i): DptLayer[] => [
      { name: `${reassemble}.readout_projects.${i}.0`, kind: "linear", inputs: 2 * width, outputs: width, side: 1, bias: true },
      pointwise(`${reassemble}.projects.${i}.conv`, width, count),
      convolution(`convs.${i}.conv`, count, channels, false),
    ]),
    transposed(`${reassemble}.resize_layers.0`, stageChannels[0], 4),
    transposed(`${reassemble}.resize_layers.1`, stageChannels[1], 2),
    convolution(`${reassemble}.resize_layers.3`, stageChannels[3], stageChannels[3], true),
    ...[0, 1, 2, 3].flatMap((i) => [
      pointwise(`fusion_blocks.${i}.project.conv`, channels, channels),
      // The coarsest map comes first, and has no other to be fused with.
      ...(i === 0 ? [2] : [1, 2]).flatMap((unit) =>
        [1, 2].map((k) => convolution(`fusion_blocks.${i}.res_conv_unit${unit}.conv${k}.conv`, channels, channels, false))),
    ]),
    convolution("project.conv", channels, channels, true),
    convolution("conv_depth.head.0", channels, channels / 2, true),
    convolution("conv_depth.head.2", channels / 2, LAST_CHANNELS, true),
    pointwise("conv_depth.head.4", LAST_CHANNELS, 1),
  ];
}

/** [side², in, out] of a convolution, else [in, out], with the block of a transposed one in its columns. */
function storedShape({ kind, inputs, outputs, side }: DptLayer): number[] {
  if (kind === "convolution") return [side * side, inputs, outputs];
  return [inputs, kind === "transposed" ? side * side * outputs : outputs];
}

/** As PyTorch has it. */
function officialShape({ kind, inputs, outputs, side }: DptLayer): number[] {
  if (kind === "linear") return [outputs, inputs];
  return kind === "transposed" ? [inputs, outputs, side, side] : [outputs, inputs, side, side];
}

/** The axes of the official weight in the order of the stored one. */
function storedOrder({ kind }: DptLayer): number[] {
  if (kind === "linear") return [1, 0];
  return kind === "transposed" ? [0, 2, 3, 1] : [2, 3, 1, 0];
}

/** Weights and biases by official name, drawn as PyTorch draws them. */
export function freshDptTensors(layers: readonly DptLayer[], random: RandomStream): Map<string, HeadTensor> {
  const tensors = new Map<string, HeadTensor>();
  for (const layer of layers) {
    const { name, outputs } = layer;
    const fanIn = (layer.kind === "transposed" ? outputs : layer.inputs) * layer.side ** 2;
    const weight = uniformVariable(storedShape(layer), fanIn, random.split(name, "weight"));
    tensors.set(`${name}.weight`, { variable: weight, shape: officialShape(layer), order: storedOrder(layer) });
    if (layer.bias) tensors.set(`${name}.bias`, { variable: uniformVariable([outputs], fanIn, random.split(name, "bias")), shape: [outputs] });
  }
  return tensors;
}
