// Tiny images and models for the end-to-end tests, made on the spot.

import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RandomStream } from "@dinov2/foundation";
import { tf, useBackend, writeSafetensors } from "@dinov2/tensor";
import { saveModel, vitConfig, VisionTransformer, type VisionTransformerConfig } from "@dinov2/vit";
import sharp from "sharp";

export const tinyConfig: VisionTransformerConfig = vitConfig("tiny", {
  imageSize: 32,
  patchSize: 8,
  embedDim: 16,
  depth: 2,
  numHeads: 2,
  numRegisterTokens: 1,
});

/** A model of `tinyConfig` with some changes, from a fixed seed. The cpu backend must be in use. */
export function tinyModel(changes: Partial<VisionTransformerConfig> = {}): VisionTransformer {
  return VisionTransformer.create({ ...tinyConfig, ...changes }, RandomStream.fromSeed(1));
}

/** A picture of one colour with a stripe, so that classes are easy and no two pictures are equal. */
export async function writeImage(path: string, colour: string, variant: number, side = 40): Promise<void> {
  const stripe = { input: { create: { width: 1 + (variant % 5), height: side, channels: 3 as const, background: "gray" } } };
  await sharp({ create: { width: side, height: side, channels: 3, background: colour } })
    .composite([{ ...stripe, left: (3 * variant) % (side - 6), top: 0 }])
    .png()
    .toFile(path);
}

const tinyRecipe = `
model: { size: tiny, embedDim: 16, depth: 2, numHeads: 2, patchSize: 8, dropPathRate: 0.2 }
heads: { dino: { prototypes: 16, hiddenDim: 16, bottleneckDim: 8 } }
crops: { globalSize: 16, localSize: 8, localCount: 2 }
schedule: { steps: 4, warmupSteps: 1, freezeLastLayerSteps: 1 }
data: { batchSize: 4 }
checkpoint: { everySteps: 2 }
log: { everySteps: 1 }
`;

/**
 * A folder with everything the tests read:
 *
 *     colours/{blue,red}/0..11.png   two easy classes
 *     sides/{train,val}/{blue,red}/  the same kind, already divided
 *     mixed/                         19 images and one that is no image
 *     spoilt/                        12 files that are no images, among 12 images
 *     broken/  notes/  empty/        nothing that can be decoded
 *     model.safetensors              `tinyConfig`; mismatched.safetensors says it is another architecture,
                                   blind.safetensors gives zeros whatever it sees
    damaged.safetensors  pixels.safetensors  odd.safetensors
    tiny.yaml                      a recipe of four steps
 */
export async function createFixtures(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "dinov2-e2e-"));
  const images = async (folder: string, count: number, colour: string, first = 0) => {
    await mkdir(join(root, folder), { recursive: true });
    for (let i = 0; i < count; i++) await writeImage(join(root, folder, `${i}.png`), colour, first + i);
  };
  const spoil = async (folder: string, count: number) => {
    await mkdir(join(root, folder), { recursive: true });
    for (let i = 0; i < count; i++) await writeFile(join(root, folder, `spoilt-${i}.jpg`), "not a picture");
  };
  for (const colour of ["blue", "red"]) {
    await images(`colours/${colour}`, 12, colour);
    await images(`sides/train/${colour}`, 6, colour);
    await images(`sides/val/${colour}`, 3, colour, 20);
  }
  await images("mixed", 19, "green");
  await spoil("mixed", 1);
  await images("spoilt", 12, "green");
  await spoil("spoilt", 12);
  await spoil("broken", 3);
  await mkdir(join(root, "empty"));
  await mkdir(join(root, "notes"));
  await writeFile(join(root, "notes", "readme.txt"), "no image here");
  await writeFile(join(root, "tiny.yaml"), tinyRecipe);
  await writeModels(root);
  return root;
}

async function writeModels(root: string): Promise<void> {
  await useBackend({ name: "cpu" });
  const model = tinyModel();
  await saveModel(join(root, "model.safetensors"), model);
  const claimed = JSON.stringify({ ...tinyConfig, depth: 3, numRegisterTokens: 0 });
  await writeSafetensors(join(root, "mismatched.safetensors"), Object.fromEntries(await model.stateDict()), { model: claimed });
  model.dispose();
  // Without its weights it sees well enough: its branches are not scaled down as they are at the start of training.
  const blind = tinyModel({ initValues: 1 });
  blind.parameters.get("norm.weight")!.assign(tf.zeros([tinyConfig.embedDim]));
  await saveModel(join(root, "blind.safetensors"), blind);
  blind.dispose();
  await writeFile(join(root, "damaged.safetensors"), Buffer.from("this was never a model"));
  const random = RandomStream.fromSeed(2);
  const pixels = Float32Array.from({ length: 5 * 3 * 32 * 24 }, () => random.normal());
  await writeSafetensors(join(root, "pixels.safetensors"), { images: { shape: [5, 3, 32, 24], data: pixels } });
  const odd = { shape: [1, 3, 33, 24], data: new Float32Array(3 * 33 * 24) };
  await writeSafetensors(join(root, "odd.safetensors"), { images: odd });
}
