// Figures of depths: the same colours for what was measured and for the answer. Near is bright, far is dark.

import type { DepthPair, RgbImage } from "@dinov2/data";
import { sideBySide } from "../dense/figures.ts";

/** From the nearest to the farthest; they darken all the way, so that the order is seen without colours too. */
const COLORS = [[255, 246, 196], [253, 190, 110], [232, 106, 88], [158, 55, 110], [81, 31, 107], [16, 12, 46]] as const;
const UNMEASURED = [128, 128, 128] as const;

/** Side by side: the picture, its measured depths (grey where there is none), the predicted ones in the same scale. */
export function depthFigure({ image, map }: DepthPair, predicted: Float32Array): RgbImage {
  const scale = scaleOf(map.depths);
  return sideBySide([image.data, depthColors(map.depths, scale), depthColors(predicted, scale)], image);
}

/** The nearest and the farthest that were measured, but for the outermost hundredths. */
function scaleOf(depths: Float32Array): readonly [near: number, far: number] {
  const measured = depths.filter((depth) => depth > 0).sort();
  const at = (share: number) => measured[Math.round(share * (measured.length - 1))]!;
  return [at(0.01), at(0.99)];
}

/** Metres of each pixel to its colour, [.., 3]. */
export function depthColors(depths: Float32Array, [near, far]: readonly [near: number, far: number]): Uint8Array {
  const pixels = new Uint8Array(3 * depths.length);
  depths.forEach((depth, i) => {
    const share = Math.min(1, Math.max(0, (depth - near) / Math.max(far - near, 1e-6))) * (COLORS.length - 1);
    const before = Math.min(Math.floor(share), COLORS.length - 2);
    for (let c = 0; c < 3; c++) {
      const [from, to] = [COLORS[before]![c]!, COLORS[before + 1]![c]!];
      pixels[3 * i + c] = depth > 0 ? Math.round(from + (share - before) * (to - from)) : UNMEASURED[c]!;
    }
  });
  return pixels;
}
