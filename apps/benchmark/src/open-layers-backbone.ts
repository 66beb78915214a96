// `tfjs:PATH?layer=NAME&range=-1,1`: a network of TF.js layers, the layer to read, and what black and white are to it.

import { layersBackbone, type FrozenBackbone, type LayersBackboneOptions } from "@dinov2/evaluation";
import { InputError, nearestName } from "@dinov2/foundation";
import { openLayersModel } from "@dinov2/tensor";

const form = "tfjs:PATH?layer=NAME&range=0,1";

export async function openLayersBackbone(source: string, sizes: Pick<LayersBackboneOptions, "cropSize" | "resizeSize">): Promise<FrozenBackbone> {
  const { path, ...options } = parseLayersSource(source);
  return layersBackbone(source, await openLayersModel(path), { ...options, ...sizes });
}

/** @throws InputError for settings that are unknown or no range */
export function parseLayersSource(source: string): { readonly path: string } & Pick<LayersBackboneOptions, "layer" | "inputRange"> {
  const [path = "", query = ""] = source.slice("tfjs:".length).split("?");
  const settings = new URLSearchParams(query);
  for (const name of settings.keys()) {
    if (name !== "layer" && name !== "range") throw new InputError(`${source} sets ${name}; expected ${nearestName(name, ["layer", "range"]) ?? "layer or range"}, as in ${form}.`);
  }
  const [layer, range] = [settings.get("layer"), settings.get("range")];
  return { path, ...(layer !== null && { layer }), ...(range !== null && { inputRange: parseRange(range, source) }) };
}

function parseRange(text: string, source: string): readonly [number, number] {
  const [black, white, ...more] = text.split(",").map((part) => (part.trim() === "" ? NaN : Number(part)));
  if (!Number.isFinite(black) || !Number.isFinite(white) || !(white! > black!) || more.length > 0) {
    throw new InputError(`${source}: range "${text}" is no pair of numbers, the smaller first; expected what black and white are to the network, as in range=-1,1.`);
  }
  return [black!, white!];
}
