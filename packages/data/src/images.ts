/** An 8-bit colour picture: rows of pixels, each R, G, B (`data` has height · width · 3 bytes). */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
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
