import { expect, it } from "vitest";
import { openDataset } from "../datasets/open-dataset.ts";
import { encode, temporaryFolder } from "../testing.ts";
import { loadRandomCrops, type RandomCropBatch, type RandomCropOptions } from "./random-crop-loader.ts";

const asBytes = { mean: [0, 0, 0], standardDeviation: [1 / 255, 1 / 255, 1 / 255] } as const;

async function take(folder: string, count: number, options: Pick<RandomCropOptions, "cropScale"> = {}): Promise<RandomCropBatch[]> {
  const batches: RandomCropBatch[] = [];
  for await (const batch of loadRandomCrops(await openDataset(folder), { batchSize: 3, seed: 1, cropSize: 14, workers: 0, ...asBytes, ...options })) {
    if (batches.push(batch) === count) break;
  }
  return batches;
}

it("shows every image once a pass, neither recoloured nor blurred, and says which it is", async () => {
  const levels = [10, 60, 110, 160, 210, 250];
  const files = levels.map(async (level) => {
    const data = new Uint8Array(30 * 40 * 3).fill(level);
    return [`${String(level).padStart(3, "0")}.png`, await encode({ width: 30, height: 40, data })] as const;
  });
  const batches = await take(await temporaryFolder(Object.fromEntries(await Promise.all(files))), 4);
  for (const { images, shape, indices } of batches) {
    expect(shape).toEqual([3, 3, 14, 14]);
    images.forEach((value, i) => expect(value).toBeCloseTo(levels[indices[Math.floor(i / (3 * 14 * 14))]!]!, 2));
  }
  const passes = [batches.slice(0, 2), batches.slice(2)].map((pass) => pass.flatMap(({ indices }) => [...indices]));
  for (const pass of passes) expect([...pass].sort()).toEqual([0, 1, 2, 3, 4, 5]);
  expect(passes[0]).not.toEqual(passes[1]);
});

// Each pixel's red is its column, its green its row.
const ramp = Uint8Array.from({ length: 200 * 200 * 3 }, (_, i) => [Math.floor(i / 3) % 200, Math.floor(i / 600), 0][i % 3]!);

/** What 60 crops of the ramp span: columns from left to right, rows from top to bottom, share of the area. */
async function spans(options?: Pick<RandomCropOptions, "cropScale">) {
  const folder = await temporaryFolder({ "ramp.png": await encode({ width: 200, height: 200, data: ramp }) });
  const crops = (await take(folder, 20, options)).flatMap(({ images }) => [0, 1, 2].map((row) => images.subarray(row * 588, (row + 1) * 588)));
  const across = crops.map((crop) => (crop[13]! - crop[0]!) * (14 / 13));
  const down = crops.map((crop) => (crop[196 + 182]! - crop[196]!) * (14 / 13));
  return { across, down, areas: crops.map((_, i) => Math.abs(across[i]! * down[i]!) / 200 ** 2) };
}

it("takes crops of very different sizes, as they come and mirrored", async () => {
  const { across, down, areas } = await spans();
  expect(across.filter((columns) => columns < 0).length / across.length).toBeGreaterThan(0.25); // by half a chance each
  expect(across.filter((columns) => columns > 0).length / across.length).toBeGreaterThan(0.25);
  expect(down.every((rows) => rows > 0)).toBe(true);
  expect(Math.min(...areas)).toBeGreaterThan(0.06); // 0.08, but for the rounding of pixels at the borders
  expect(Math.min(...areas)).toBeLessThan(0.25);
  expect(Math.max(...areas)).toBeGreaterThan(0.75);
});

it("takes crops of the sizes that are asked for", async () => {
  const { areas } = await spans({ cropScale: [0.5, 0.6] });
  expect(Math.min(...areas)).toBeGreaterThan(0.48);
  expect(Math.max(...areas)).toBeLessThan(0.62);
});
