import { InputError } from "@dinov2/foundation";
import type { RgbImage } from "../images.ts";
import type { DenseDataset } from "./dense-dataset.ts";

/**
 * An image and its map, of equal sizes.
 * @param what the map is called in a message
 * @throws InputError that names the pair
 */
export async function readPair<PixelMap extends { readonly width: number; readonly height: number }>(
  dataset: DenseDataset<PixelMap>,
  index: number,
  what: string,
): Promise<{ readonly image: RgbImage; readonly map: PixelMap }> {
  const [image, map] = await Promise.all([dataset.readImage(index), dataset.readMap(index)]);
  if (image.width !== map.width || image.height !== map.height) {
    throw new InputError(
      `${dataset.name(index)}: the ${what} is ${map.width} × ${map.height} pixels and its image ${image.width} × ${image.height}; ` +
        "expected equal sizes, so resize one of them.",
    );
  }
  return { image, map };
}
