import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { imagenetNormalization } from "@dinov2/data";
import { expect, it } from "vitest";
import { imageReading, imageReadingOf } from "./image-reading.ts";
import { parseRecipe } from "./recipe.ts";
import { temporaryFolder } from "./testing-folder.ts";

it("images are read as ImageNet's, or as the recipe says", () => {
  expect(imageReading(parseRecipe({}))).toEqual({ channels: 3, fullScale: 65535, ...imagenetNormalization });
  const data = { channels: 2, mean: [0.1, 0.2], std: [0.3, 0.4], fullScale: 4095 };
  expect(imageReading(parseRecipe({ data }))).toEqual({ channels: 2, fullScale: 4095, mean: [0.1, 0.2], standardDeviation: [0.3, 0.4] });
  expect(() => parseRecipe({ data: { channels: 2, mean: [0.5] } })).toThrow("data.mean has 1 numbers, expected one for each of data.channels 2");
});

it("an evaluation finds it in the run folder, and nothing beside weights alone", async () => {
  const folder = await temporaryFolder();
  expect(await imageReadingOf(folder)).toEqual({});
  expect(await imageReadingOf(join(folder, "model.safetensors"))).toEqual({});
  await writeFile(join(folder, "config.json"), JSON.stringify({ model_type: "dinov2" }));
  expect(await imageReadingOf(folder)).toEqual({});
  await writeFile(join(folder, "config.json"), JSON.stringify(parseRecipe({ data: { channels: 1, fullScale: 4095 } })));
  expect(await imageReadingOf(folder)).toMatchObject({ channels: 1, fullScale: 4095, mean: [expect.closeTo(0.449, 3)] });
});
