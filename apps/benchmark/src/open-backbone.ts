// From the name of a model to the frozen network that is measured.

import type { CommonOptions, ImageOptions } from "@dinov2/cli";
import { evaluationSizes, pixelBackbone, vitBackbone, type FrozenBackbone } from "@dinov2/evaluation";
import { RandomStream } from "@dinov2/foundation";
import { imageReadingOf } from "@dinov2/training";
import { loadModel, VisionTransformer } from "@dinov2/vit";

export interface BackboneOptions extends Pick<CommonOptions, "seed">, Pick<ImageOptions, "size" | "resize"> {
  readonly model: string;
  readonly untrained: boolean;
  /** Images are resized to the crop, so that it shows as much of them as it can; unless --resize says otherwise. */
  readonly whole?: boolean;
}

/** The network of a file or run folder, with fresh weights when it is to be untrained; the name "pixels" is no network at all. */
export async function openBackbone({ model: source, untrained, size, resize, whole = false, seed }: BackboneOptions): Promise<FrozenBackbone> {
  if (source === "pixels") return pixelBackbone(size ?? 16);
  const loaded = await loadModel(source);
  const sizes = { ...evaluationSizes(loaded.config, { cropSize: size, resizeSize: resize, whole }), ...(await imageReadingOf(source)) };
  if (!untrained) return vitBackbone(source, loaded, sizes);
  const fresh = VisionTransformer.create(loaded.config, RandomStream.fromSeed(seed).split("untrained"));
  loaded.dispose();
  return vitBackbone(`${source}, untrained`, fresh, sizes);
}
