// Figures of masks: classes as colours over the picture.

import { ignoredLabel, type RgbImage, type SegmentationPair } from "@dinov2/data";
import { sideBySide } from "../dense/figures.ts";

/** How much of the class' colour covers the picture. */
const COVER = 0.6;
/** Consecutive classes lie far apart on the colour circle: the golden angle, in degrees. */
const TURN = 137.50776405;

/** The colour of a class, the same in every figure; three lightnesses in turn, so that near hues differ as well. */
export function classColor(label: number): readonly [number, number, number] {
  const hue = (label * TURN) / 60;
  const lightest = [230, 170, 255][label % 3]!;
  const channel = (offset: number) => {
    const place = (((hue - offset) % 6) + 6) % 6;
    return Math.round(lightest * (1 - Math.min(1, Math.max(0, Math.min(place, 6 - place) - 1))));
  };
  return [channel(0), channel(2), channel(4)];
}

/** Side by side: the picture, its true classes over it, the predicted ones over it. Pixels that do not count keep their colours. */
export function segmentationFigure({ image, map }: SegmentationPair, predicted: Uint8Array): RgbImage {
  return sideBySide([image.data, covered(image.data, map.labels), covered(image.data, predicted)], image);
}

function covered(pixels: Uint8Array, labels: Uint8Array): Uint8Array {
  const colors = Array.from({ length: 256 }, (_, label) => classColor(label));
  return pixels.map((value, i) => {
    const label = labels[Math.floor(i / 3)]!;
    return label === ignoredLabel ? value : Math.round((1 - COVER) * value + COVER * colors[label]![i % 3]!);
  });
}
