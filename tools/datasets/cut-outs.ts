// Which pictures of a folder are photos cut out along their outline, as Debian's tuxpaint-stamps-default has them among drawings.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "@dinov2/foundation";
import sharp from "sharp";

/** The pictures in a folder, in order. */
export async function pictures(folder: string, recursive: boolean): Promise<string[]> {
  const entries = await readdir(folder, { recursive }).catch(() => {
    throw new InputError(`There is no folder ${folder}; Debian's packages tuxpaint-stamps-default and mate-backgrounds have such ones.`);
  });
  return entries.filter((name) => /\.(png|jpe?g)$/i.test(name)).sort().map((name) => join(folder, name));
}

/** Photos cut out along their outline: neither drawings nor rectangles, large enough, and no mirrored copy of another. */
export async function isCutOut(path: string, leastSide: number): Promise<boolean> {
  if (/cartoon|symbols|_mirror|_flip/.test(path)) return false;
  const { width = 0, height = 0, hasAlpha } = await sharp(path).metadata();
  if (!hasAlpha || Math.min(width, height) < leastSide) return false;
  const { data } = await sharp(path).ensureAlpha().toColourspace("srgb").raw().toBuffer({ resolveWithObject: true });
  const colors = new Set<number>();
  let clear = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3]! < 128) clear++;
    else colors.add((data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!);
  }
  const clearShare = clear / (width * height);
  // Photos have thousands of colours, drawings a few hundred.
  return clearShare > 0.05 && clearShare < 0.9 && colors.size > 1500;
}
