// The demo's measure: weighted k-NN on frozen features, of train pictures voting on test pictures of other concepts.
import { openDataset, subset, type ImageDataset } from "@dinov2/data";
import {
  extractLabelled, knnClassify, nearestNeighbours, pixelBackbone, vitBackbone,
  type ClassificationTask, type FrozenBackbone, type ImageSizes, type LabelledFeatures, type Neighbours,
} from "@dinov2/evaluation";
import { tf } from "@dinov2/tensor";
import type { VisionTransformer } from "@dinov2/vit";

/** Neighbours that vote; the temperature is the official 0.07. */
export const votingNeighbours = 20;

/** The features of both sides of a split. */
export interface TaskFeatures {
  readonly train: LabelledFeatures;
  readonly test: LabelledFeatures;
}

/** The two sides of a manifest with a `split` column. */
export async function openTask(manifest: string): Promise<ClassificationTask> {
  const dataset = await openDataset(manifest);
  const sides = dataset.column?.("split") ?? [];
  const side = (name: string) => subset(dataset, [...sides.keys()].filter((row) => sides[row] === name));
  return { train: side("train"), test: side("test") };
}

/** How often the commonest class of the train side is right on the test side: accuracy without looking. */
export function commonestClassAccuracy({ train, test }: ClassificationTask): number {
  const counts = new Map<number, number>();
  for (const label of labelsOf(train)) counts.set(label, (counts.get(label) ?? 0) + 1);
  const [commonest] = [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best));
  return labelsOf(test).filter((label) => label === commonest).length / test.length;
}

const labelsOf = (dataset: ImageDataset) => Array.from({ length: dataset.length }, (_, row) => dataset.label(row)!);

/** The whole picture at the model's own size: these renders fill their frame, and the usual centre crop would cut them. */
const wholePicture = ({ config }: VisionTransformer): ImageSizes => ({ resizeSize: config.imageSize, cropSize: config.imageSize });

/** The mean of the patch tokens: an untrained network's class token says little, so the table shows this for both networks. */
function meanPatchBackbone(model: VisionTransformer): FrozenBackbone {
  return {
    name: "mean patch token",
    width: model.config.embedDim,
    imageSizes: wholePicture(model),
    imageFeatures: (images) => tf.mean(model.forwardFeatures(images).xNormPatchtokens, 1),
  };
}

export const featureNames = ["class token", "mean patch token"] as const;
export type FeatureName = (typeof featureNames)[number];

/** What a network makes of the pictures, by each feature. */
export interface NetworkMeasures {
  readonly accuracy: Readonly<Record<FeatureName, number>>;
  readonly features: Readonly<Record<FeatureName, TaskFeatures>>;
}

export async function measureNetwork(model: VisionTransformer, task: ClassificationTask): Promise<NetworkMeasures> {
  const classToken = await taskFeatures(vitBackbone("class token", model, wholePicture(model)), task);
  const meanPatch = await taskFeatures(meanPatchBackbone(model), task);
  return {
    accuracy: { "class token": await accuracy(classToken), "mean patch token": await accuracy(meanPatch) },
    features: { "class token": classToken, "mean patch token": meanPatch },
  };
}

/** Accuracy of the pictures themselves, shrunk to 16 x 16 colours. */
export const measurePixels = async (task: ClassificationTask): Promise<number> =>
  accuracy(await taskFeatures(pixelBackbone(16), task));

async function taskFeatures(backbone: FrozenBackbone, task: ClassificationTask): Promise<TaskFeatures> {
  return {
    train: await extractLabelled(backbone, task.train, "train", { batchSize: 128 }),
    test: await extractLabelled(backbone, task.test, "test", { batchSize: 128 }),
  };
}

async function accuracy({ train, test }: TaskFeatures): Promise<number> {
  // The official weights are a softmax over the 200 nearest, whatever k is (`dinov2/eval/knn.py`).
  const scores = await knnClassify(train, test, { ks: [votingNeighbours, 200] });
  return scores[0]!.top1;
}

/** The `count` train pictures most like each test picture. */
export const neighboursOf = ({ train, test }: TaskFeatures, count: number): Promise<Neighbours> =>
  nearestNeighbours(train.features, test.features, count);
