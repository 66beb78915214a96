import { InputError } from "@dinov2/foundation";
import { expect, it } from "vitest";
import { evalTransform, evalTransformOptions } from "./eval-transform.ts";
import { smoothImage } from "./testing.ts";

it("leaves a picture of the right size as it is, but for the scale of its values", () => {
  const image = smoothImage(28, 28);
  const options = evalTransformOptions({ resizeSize: 28, cropSize: 28, mean: [0, 0, 0], standardDeviation: [1, 1, 1] });
  const planes = evalTransform(image, options);
  planes.forEach((value, i) => expect(value * 255).toBeCloseTo(image.data[3 * (i % 784) + Math.floor(i / 784)]!, 3));
});

it("cuts the middle of the longer side, whichever it is", () => {
  const options = evalTransformOptions({ resizeSize: 8, cropSize: 8, mean: [0, 0, 0], standardDeviation: [1, 1, 1] });
  for (const [width, height] of [[24, 8], [8, 24]] as const) {
    // White in the middle third, black beside it.
    const data = new Uint8Array(width * height * 3).map((_, i) => {
      const pixel = Math.floor(i / 3);
      const along = width > height ? pixel % width : Math.floor(pixel / width);
      return along >= 8 && along < 16 ? 255 : 0;
    });
    expect([...evalTransform({ width, height, data }, options)]).toEqual(new Array<number>(192).fill(1));
  }
});

it("defaults to 256 and 224", () => {
  expect(evalTransform(smoothImage(300, 260))).toHaveLength(3 * 224 * 224);
});

it("refuses a crop larger than the resized picture", () => {
  expect(() => evalTransformOptions({ resizeSize: 100, cropSize: 112 })).toThrow(InputError);
});
