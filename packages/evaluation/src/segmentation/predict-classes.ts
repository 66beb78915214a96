// The classes of a whole picture's pixels, at its own size.

import { normalizePlanes, type Normalization, resizeImage, type RgbImage, scaledSize } from "@dinov2/data";
import { tf } from "@dinov2/tensor";
import { resizeBilinear } from "../dense/bilinear-resize.ts";
import type { SegmentationProbe } from "./segmentation-probe.ts";
import type { SegmentationProtocol } from "./segmentation-protocol.ts";

export type ViewOptions = Pick<SegmentationProtocol, "testScale" | "ratios" | "flipTest" | "window"> & { readonly normalization: Normalization };

/** The most likely class of each pixel, [height, width] row-major, by the mean of its shares over all views. */
export async function predictClasses(probe: SegmentationProbe, image: RgbImage, options: ViewOptions): Promise<Uint8Array> {
  let shares: tf.Tensor4D | undefined;
  try {
    for (const ratio of options.ratios) {
      for (const flip of options.flipTest ? [false, true] : [false]) {
        const before = shares;
        shares = tf.tidy(() => {
          const more = viewShares(probe, image, options, ratio, flip);
          return before ? (tf.add(before, more) as tf.Tensor4D) : more;
        });
        before?.dispose();
      }
    }
    const classes = tf.tidy(() => tf.argMax(shares!, 3));
    try {
      return Uint8Array.from(await classes.data());
    } finally {
      classes.dispose();
    }
  } finally {
    shares?.dispose();
  }
}

/** The shares of the classes of each pixel, seen at one size: [1, height, width, K]. */
function viewShares(probe: SegmentationProbe, image: RgbImage, options: ViewOptions, ratio: number, flip: boolean): tf.Tensor4D {
  const size = scaledSize(image, options.testScale, ratio);
  const same = size.width === image.width && size.height === image.height;
  const values = new Float32Array(3 * size.width * size.height);
  normalizePlanes(same ? image : resizeImage(image, size), size, values, options.normalization, flip);
  const logits = probe.logits(tf.tensor4d(values, [1, 3, size.height, size.width]), options.window);
  const shares = tf.softmax(resizeBilinear(logits, [image.height, image.width]));
  return flip ? tf.reverse(shares, 2) : shares;
}
