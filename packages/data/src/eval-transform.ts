// The deterministic view for feature extraction: shorter side to `resizeSize`, centre `cropSize` x `cropSize`, normalised.
// Facts from `dinov2/data/transforms.py` and torchvision's `Resize` and `CenterCrop`.

import { InputError } from "@dinov2/foundation";
import { imagenetNormalization, ofThird, requireNormalization, type Normalization } from "./augment/normalization.ts";
import { PlaneCanvas } from "./augment/plane-canvas.ts";
import { roundHalfEven } from "./augment/random-resized-crop.ts";
import type { ChannelStack, RgbImage } from "./images.ts";

export interface EvalTransformOptions extends Normalization {
  /** Length of the shorter side after resizing, bicubic and antialiased. */
  readonly resizeSize: number;
  /** Side of the square cut from the middle. */
  readonly cropSize: number;
}

/** The reference's evaluation view (256, then 224) with some options changed. */
export function evalTransformOptions(changes: Partial<EvalTransformOptions> = {}): EvalTransformOptions {
  const options = { resizeSize: 256, cropSize: 224, ...imagenetNormalization, ...changes };
  const { resizeSize, cropSize } = options;
  if (!(Number.isInteger(cropSize) && cropSize > 0 && Number.isInteger(resizeSize) && resizeSize >= cropSize)) {
    throw new InputError(`Resize ${resizeSize}, crop ${cropSize}: expected whole numbers, the crop no larger than the resize.`);
  }
  requireNormalization(options);
  return options;
}

let canvas: PlaneCanvas | undefined;

/** The view of `image` as planes, channels x cropSize x cropSize, written to `output` where given. */
export function evalTransform(
  image: RgbImage | ChannelStack,
  options: EvalTransformOptions = evalTransformOptions(),
  output: Float32Array = new Float32Array(options.mean.length * options.cropSize ** 2),
): Float32Array {
  const { resizeSize, cropSize } = options;
  const pictures = "data" in image ? [image] : image;
  const whole = { top: 0, left: 0, width: pictures[0]!.width, height: pictures[0]!.height };
  const shorter = Math.min(whole.width, whole.height);
  const width = Math.trunc((resizeSize * whole.width) / shorter);
  const height = Math.trunc((resizeSize * whole.height) / shorter);
  const window = {
    top: roundHalfEven((height - cropSize) / 2),
    left: roundHalfEven((width - cropSize) / 2),
    width: cropSize,
    height: cropSize,
  };
  canvas ??= new PlaneCanvas();
  for (const [third, picture] of pictures.entries()) {
    canvas.load(picture);
    canvas.resize(whole, { width, height, window });
    canvas.normalize(ofThird(options, third), output.subarray(3 * third * cropSize ** 2));
  }
  return output;
}
