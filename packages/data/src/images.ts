/** An 8-bit colour picture: rows of pixels, each R, G, B (`data` has height · width · 3 bytes). */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/**
 * A picture of N channels: ⌈N / 3⌉ colour pictures of one size, which go through the same crops side by side. The last one is
 * filled up with copies of its last channel; a grey picture is one whose three channels are equal.
 */
export type ChannelStack = readonly RgbImage[];

/** The grey picture of a colour picture: ITU-R 601 luma in 16-bit fixed point, as Pillow's mode L. */
export function luminanceOf({ width, height, data }: RgbImage): RgbImage {
  const gray = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    gray.fill((19_595 * data[i]! + 38_470 * data[i + 1]! + 7_471 * data[i + 2]! + 32_768) >> 16, i, i + 3);
  }
  return { width, height, data: gray };
}

/** File endings (lower case, without the dot) of the formats that sharp's own build of libvips decodes. */
export const imageExtensions: readonly string[] = [
  "jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "tif", "tiff", "avif",
];

const known = new Set(imageExtensions);

/** Whether the name ends like an image that can be decoded. Hidden files (".x.jpg", "._x.jpg") do not count. */
export function hasImageExtension(path: string): boolean {
  const name = path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
  const dot = name.lastIndexOf(".");
  return dot > 0 && !name.startsWith(".") && known.has(name.slice(dot + 1).toLowerCase());
}
