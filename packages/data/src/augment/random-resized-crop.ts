import type { RandomStream } from "@dinov2/foundation";

/** A rectangle of whole pixels. */
export interface Rectangle {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

type Range = readonly [low: number, high: number];

/**
 * Draws the rectangle that a random resized crop takes from a picture of `width` x `height` pixels: `scale` is its share
 * of the picture's area, `aspectRatio` its width over height (log-uniform). Ten tries; if none fits, the largest centred
 * rectangle within `aspectRatio`. The rules of torchvision's `RandomResizedCrop.get_params`.
 */
export function drawCropRectangle(
  width: number,
  height: number,
  { scale, aspectRatio }: { scale: Range; aspectRatio: Range },
  random: RandomStream,
): Rectangle {
  const [logLow, logHigh] = [Math.log(aspectRatio[0]), Math.log(aspectRatio[1])];
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = width * height * random.uniform(...scale);
    const aspect = Math.exp(random.uniform(logLow, logHigh));
    const cropWidth = roundHalfEven(Math.sqrt(area * aspect));
    const cropHeight = roundHalfEven(Math.sqrt(area / aspect));
    if (cropWidth > 0 && cropWidth <= width && cropHeight > 0 && cropHeight <= height) {
      const top = random.integer(height - cropHeight + 1);
      const left = random.integer(width - cropWidth + 1);
      return { top, left, height: cropHeight, width: cropWidth };
    }
  }
  return centralRectangle(width, height, aspectRatio);
}

function centralRectangle(width: number, height: number, [narrowest, widest]: Range): Rectangle {
  let [cropWidth, cropHeight] = [width, height];
  if (width / height < narrowest) cropHeight = roundHalfEven(width / narrowest);
  else if (width / height > widest) cropWidth = roundHalfEven(height * widest);
  const top = Math.floor((height - cropHeight) / 2);
  const left = Math.floor((width - cropWidth) / 2);
  return { top, left, height: cropHeight, width: cropWidth };
}

/** The nearest integer, halves to the even one: Python's `round`, on which the reference's sizes and offsets rest. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
