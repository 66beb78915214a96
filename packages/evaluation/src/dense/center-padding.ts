import { tf } from "@dinov2/tensor";

/** How many zeros come before and behind a side so that its length is a multiple; the odd one comes behind. */
export function centerPadding(size: number, multiple: number): [before: number, behind: number] {
  const missing = Math.ceil(size / multiple) * multiple - size;
  const before = Math.floor(missing / 2);
  return [before, missing - before];
}

/**
 * Images [B, C, H, W] in the middle of zeros whose sides are multiples of the patch.
 *
 * Source: `CenterPadding` of `dinov2/hub/utils.py`. Published heads are trained and tested on maps that cover the padding
 * too, and these are then stretched to the size of the image without it; so it is here.
 */
export function centerPad(images: tf.Tensor4D, multiple: number): tf.Tensor4D {
  const [, , height, width] = images.shape;
  const [rows, columns] = [centerPadding(height, multiple), centerPadding(width, multiple)];
  if ([...rows, ...columns].every((count) => count === 0)) return tf.clone(images);
  return tf.pad(images, [[0, 0], [0, 0], rows, columns]);
}
