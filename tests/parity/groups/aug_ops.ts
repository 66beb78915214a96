// Single operations of the augmentation on one picture, against torchvision on Pillow images.

import { gaussianKernel, imagenetNormalization, PlaneCanvas, type Rectangle, type RgbImage } from "@dinov2/data";
import { compareTensor, type Check, type GoldenTensor } from "../harness.ts";

/** A picture from an [H, W, 3] tensor of levels. */
export function toImage({ shape, data }: GoldenTensor): RgbImage {
  return { height: shape[0]!, width: shape[1]!, data: Uint8Array.from(data) };
}

/** Runs `operation` on the whole picture. */
function apply(image: RgbImage, operation: (canvas: PlaneCanvas) => void): RgbImage {
  return crop(image, wholeOf(image), { width: image.width, height: image.height }, operation);
}

const wholeOf = (image: RgbImage): Rectangle => ({ top: 0, left: 0, width: image.width, height: image.height });

function crop(
  image: RgbImage,
  rectangle: Rectangle,
  target: { width: number; height: number; flip?: boolean },
  operation: (canvas: PlaneCanvas) => void = () => {},
): RgbImage {
  const canvas = new PlaneCanvas();
  canvas.load(image);
  canvas.resize(rectangle, target);
  operation(canvas);
  return canvas.read();
}

function normalized(image: RgbImage): GoldenTensor {
  const data = new Float32Array(image.data.length);
  apply(image, (canvas) => canvas.normalize(imagenetNormalization, data));
  return { dtype: "F32", shape: [3, image.height, image.width], data };
}

/** The rectangle that a description words as "crop top=3 left=5 h=27 w=33". */
function describedRectangle(description: string): Rectangle {
  const read = (key: string) => Number(new RegExp(`\\b${key}=(\\d+)`).exec(description)?.[1]);
  return { top: read("top"), left: read("left"), height: read("h"), width: read("w") };
}

/** What computes the output `out.NAME` or `out.NAME.PARAMETER`. */
const operations: Readonly<Record<string, (image: RgbImage, parameter: string, description: string, shape: readonly number[]) => RgbImage | GoldenTensor>> = {
  resize: (image, _parameter, _description, [height, width]) => crop(image, wholeOf(image), { width: width!, height: height! }),
  rrc: (image, _parameter, description, [height, width]) =>
    crop(image, describedRectangle(description), { width: width!, height: height! }),
  hflip: (image) => crop(image, wholeOf(image), { width: image.width, height: image.height, flip: true }),
  brightness: (image, factor) => apply(image, (canvas) => canvas.brightness(Number(factor))),
  contrast: (image, factor) => apply(image, (canvas) => canvas.contrast(Number(factor))),
  saturation: (image, factor) => apply(image, (canvas) => canvas.saturation(Number(factor))),
  hue: (image, turn) => apply(image, (canvas) => canvas.hue(Number(turn))),
  grayscale: (image) => apply(image, (canvas) => canvas.grayscale()),
  solarize: (image, threshold) => apply(image, (canvas) => canvas.solarize(Number(threshold))),
  gaussian_blur: (image, sigma) => apply(image, (canvas) => canvas.blur(Number(sigma))),
  gaussian_kernel: (_image, sigma) => {
    const data = gaussianKernel(Number(sigma));
    return { dtype: "F32", shape: [data.length], data };
  },
  normalized,
};

/** "hue.-0.1" → hue, -0.1; "solarize128" → solarize, 128; "rrc_global" → rrc, global. */
function parseOutput(name: string): [operation: string, parameter: string] {
  const operation = Object.keys(operations).filter((key) => name.startsWith(key)).sort((a, b) => b.length - a.length)[0];
  if (operation === undefined) throw new Error(`No operation computes the golden output "${name}".`);
  return [operation, name.slice(operation.length).replace(/^[._]/, "")];
}

export const check: Check = async (golden) => {
  const image = toImage(golden.tensor("in.image"));
  return golden.names("out.").map((name) => {
    const [operation, parameter] = parseOutput(name.slice("out.".length));
    const expected = golden.tensor(name);
    const got = operations[operation]!(image, parameter, golden.description(name), expected.shape);
    return compareTensor(golden, name, "shape" in got ? got : { shape: [got.height, got.width, 3], data: got.data });
  });
};
