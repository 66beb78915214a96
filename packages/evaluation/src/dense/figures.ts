// What figures of pixels share: which images are shown, and panels beside each other.

import type { RgbImage } from "@dinov2/data";

/** White columns between two panels. */
const GAP = 4;

/** Which of `length` images are shown when `count` are: none, or so many from the first on, equally far apart. */
export const evenlySpread = (count: number, length: number): ReadonlySet<number> =>
  new Set(Array.from({ length: Math.min(count, length) }, (_, i) => Math.floor((i * length) / Math.min(count, length))));

/** Pictures of one size, [height, width, 3] each, from left to right. */
export function sideBySide(panels: readonly Uint8Array[], { width, height }: Pick<RgbImage, "width" | "height">): RgbImage {
  const total = panels.length * width + (panels.length - 1) * GAP;
  const data = new Uint8Array(total * height * 3).fill(255);
  for (const [i, panel] of panels.entries()) {
    for (let y = 0; y < height; y++) {
      data.set(panel.subarray(3 * y * width, 3 * (y + 1) * width), 3 * (y * total + i * (width + GAP)));
    }
  }
  return { width: total, height, data };
}
