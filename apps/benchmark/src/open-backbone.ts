// From the name of a model to the frozen network that is measured.

import type { CommonOptions, ImageOptions } from "@dinov2/cli";
import { evaluationSizes, pixelBackbone, vitBackbone, type FrozenBackbone } from "@dinov2/evaluation";
import { InputError, RandomStream } from "@dinov2/foundation";
import { imageReadingOf } from "@dinov2/training";
import { loadModel, VisionTransformer } from "@dinov2/vit";
import { openLayersBackbone } from "./open-layers-backbone.ts";

export interface BackboneOptions extends Pick<CommonOptions, "seed">, Pick<ImageOptions, "size" | "resize"> {
  readonly model: string;
  readonly untrained: boolean;
  /** Images are resized to the crop, so that it shows as much of them as it can; unless --resize says otherwise. */
  readonly whole?: boolean;
}

/** The network of a file or run folder, with fresh weights when it is to be untrained; "tfjs:…" is one of TF.js layers; "pixels" is no network at all. */
export async function openBackbone({ model: source, untrained, size, resize, whole = false, seed }: BackboneOptions): Promise<FrozenBackbone> {
  if (source === "pixels") return pixelBackbone(size ?? 16);
  if (source.startsWith("tfjs:")) {
    if (untrained) throw new InputError(`${source} cannot be made anew from random weights; leave --untrained out.`);
    return openLayersBackbone(source, { cropSize: size, resizeSize: resize });
  }
  const loaded = await loadModel(source);
  const sizes = { ...evaluationSizes(loaded.config, { cropSize: size, resizeSize: resize, whole }), ...(await imageReadingOf(source)) };
  if (!untrained) return vitBackbone(source, loaded.freeze(), sizes);
  const fresh = VisionTransformer.create(loaded.config, RandomStream.fromSeed(seed).split("untrained"));
  loaded.dispose();
  return vitBackbone(`${source}, untrained`, fresh.freeze(), sizes);
}
