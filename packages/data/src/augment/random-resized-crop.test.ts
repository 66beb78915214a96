import { RandomStream } from "@dinov2/foundation";
import { expect, it } from "vitest";
import { drawCropRectangle, roundHalfEven } from "./random-resized-crop.ts";

const aspectRatio = [3 / 4, 4 / 3] as const;

it("a rectangle lies in the picture, within the asked share of area and aspect", () => {
  const random = RandomStream.fromSeed(0);
  for (let i = 0; i < 2000; i++) {
    const { top, left, width, height } = drawCropRectangle(320, 240, { scale: [0.1, 0.4], aspectRatio }, random);
    expect(top).toBeGreaterThanOrEqual(0);
    expect(left).toBeGreaterThanOrEqual(0);
    expect(top + height).toBeLessThanOrEqual(240);
    expect(left + width).toBeLessThanOrEqual(320);
    const area = (width * height) / (320 * 240);
    expect(area).toBeGreaterThan(0.1 - 0.01);
    expect(area).toBeLessThan(0.4 + 0.01);
    expect(width / height).toBeGreaterThan(0.73);
    expect(width / height).toBeLessThan(1.37);
  }
});

it("a picture too long for any try gives its centre, as far as the aspect allows", () => {
  const random = RandomStream.fromSeed(0);
  const options = { scale: [0.9, 1], aspectRatio } as const;
  expect(drawCropRectangle(900, 90, options, random)).toEqual({ top: 0, left: 390, width: 120, height: 90 });
  expect(drawCropRectangle(90, 900, options, random)).toEqual({ top: 390, left: 0, width: 90, height: 120 });
});

it("a picture of one pixel gives that pixel", () => {
  const rectangle = drawCropRectangle(1, 1, { scale: [0.05, 0.32], aspectRatio }, RandomStream.fromSeed(0));
  expect(rectangle).toEqual({ top: 0, left: 0, width: 1, height: 1 });
});

it("halves round to the even neighbour", () => {
  expect([0.5, 1.5, 2.5, 2.4, 2.6, -1.5, -2.5].map(roundHalfEven)).toEqual([0, 2, 2, 2, 3, -2, -2]);
});
