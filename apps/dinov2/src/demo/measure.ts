// The demo's measure: weighted k-NN on frozen features, of train pictures voting on test pictures of other concepts.
import { openDataset, subset, type ImageDataset } from "@dinov2/data";
import {
  extractLabelled, knnClassify, nearestNeighbours, pixelBackbone, vitBackbone,
  type ClassificationTask, type FrozenBackbone, type ImageSizes, type LabelledFeatures, type Neighbours,
} from "@dinov2/evaluation";
import { l2Normalize, tf } from "@dinov2/tensor";
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

/**
 * What is taken from a network as the feature of a picture: the class token, which k-NN on DINOv2 uses; the mean of the patch
 * tokens, since an untrained class token has hardly seen the picture; or both side by side, at unit length each.
 */
export const featureNames = ["class token", "mean patch token", "both"] as const;
export type FeatureName = (typeof featureNames)[number];

function featureBackbone(feature: FeatureName, model: VisionTransformer): FrozenBackbone {
  if (feature === "class token") return vitBackbone(feature, model, wholePicture(model));
  const width = model.config.embedDim;
  return {
    name: feature,
    width: feature === "both" ? 2 * width : width,
    imageSizes: wholePicture(model),
    imageFeatures(images) {
      const { xNormClstoken, xNormPatchtokens } = model.forwardFeatures(images);
      const meanPatch = tf.mean<tf.Tensor2D>(xNormPatchtokens, 1);
      if (feature === "mean patch token") return meanPatch;
      return tf.concat([l2Normalize(xNormClstoken, 1e-12), l2Normalize(meanPatch, 1e-12)], 1);
    },
  };
}

/** What a network makes of the pictures, by each feature. */
export interface NetworkMeasures {
  readonly accuracy: Readonly<Record<FeatureName, number>>;
  readonly features: Readonly<Record<FeatureName, TaskFeatures>>;
}

export async function measureNetwork(model: VisionTransformer, task: ClassificationTask): Promise<NetworkMeasures> {
  const measured: { name: FeatureName; features: TaskFeatures; accuracy: number }[] = [];
  for (const name of featureNames) {
    const features = await taskFeatures(featureBackbone(name, model), task);
    measured.push({ name, features, accuracy: await accuracy(features) });
  }
  const byName = <T>(value: (one: (typeof measured)[number]) => T) =>
    Object.fromEntries(measured.map((one) => [one.name, value(one)])) as Record<FeatureName, T>;
  return { accuracy: byName((one) => one.accuracy), features: byName((one) => one.features) };
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
