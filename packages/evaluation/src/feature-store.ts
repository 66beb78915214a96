// Features on disk, so that several measures of one network share one pass over the images, and a pass that was stopped goes on.
//
//     DIR/train-b4-256-224-1f0c2a9b/        what is stored, resize and crop, and which images
//       key.json                            all that the features depend on
//       shard-00000000.safetensors          features [M, W] and the images [M] that they are of
//
// Of a network with blocks the features of the last four are stored, in which the class token is a range of columns: k-NN,
// linear heads, logistic regression and retrieval then read the same files. Legend: M rows of a shard, W width stored, D width read.

import { createHash } from "node:crypto";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type ImageDataset, subset } from "@dinov2/data";
import { InputError, removePartials, writeFileAtomic } from "@dinov2/foundation";
import { currentPrecision, openSafetensors, writeSafetensors } from "@dinov2/tensor";
import type { FrozenBackbone } from "./backbone.ts";
import { createFeatureMatrix, rowRange } from "./feature-matrix.ts";
import { type ExtractedFeatures, type ExtractOptions, featureBatches, type FeatureSource } from "./features.ts";
import { filesFingerprint } from "./files-fingerprint.ts";

export type FeatureDtype = "float16" | "float32";

/** Blocks that are stored at least, where there are so many: those that the published heads read. */
const USUAL_BLOCKS = 4;
/** Images in a shard: what a kill costs at most, and what is in memory beside the features that are read. */
const SHARD_IMAGES = 4096;

export interface FeatureStoreOptions {
  /** float16 takes half of the room, and rounds to three digits. */
  readonly dtype?: FeatureDtype;
  readonly shardImages?: number;
}

/** What features depend on, in words for a message. */
type Key = Readonly<Record<"model" | "precision" | "images" | "files" | "transform" | "features" | "dtype", string>>;

interface Shard {
  readonly path: string;
  /** Images [first, end) of the dataset. */
  readonly first: number;
  readonly end: number;
}

export class FeatureStore implements FeatureSource {
  private readonly dtype: FeatureDtype;
  private readonly shardImages: number;

  constructor(
    private readonly folder: string,
    { dtype = "float32", shardImages = SHARD_IMAGES }: FeatureStoreOptions = {},
  ) {
    [this.dtype, this.shardImages] = [dtype, shardImages];
  }

  /**
   * The same as `extractFeatures`, of files where they are there, and into files where they are not.
   * @throws InputError when the files are of something else, and says of what
   */
  async features(backbone: FrozenBackbone, dataset: ImageDataset, options: ExtractOptions = {}): Promise<ExtractedFeatures> {
    const stored = storedBackbone(backbone);
    const folder = await this.open(stored, dataset, options.stage ?? "extracting");
    const shards = await shardsOf(folder);
    const done = shards.at(-1)?.end ?? 0;
    if (done < dataset.length) shards.push(...(await this.extract(stored.backbone, dataset, done, folder, options)));
    const features = await readShards(shards, dataset.length, stored);
    sayWhatIsMissing(features.rows, done, dataset, options);
    if (features.rows.length === 0) throw new InputError(`None of the ${dataset.length} images could be decoded.`);
    return features;
  }

  /** The folder of these features, made if need be. */
  private async open({ kind, backbone }: StoredBackbone, dataset: ImageDataset, stage: string): Promise<string> {
    const images = imagesFingerprint(dataset);
    const { resizeSize, cropSize } = backbone.imageSizes;
    const model = await backbone.fingerprint?.();
    if (model === undefined) throw new RangeError(`The backbone ${backbone.name} has no fingerprint, so its features cannot be told from others.`);
    const key: Key = {
      model,
      precision: currentPrecision(),
      images,
      files: await filesFingerprint(dataset),
      transform: JSON.stringify(backbone.imageSizes),
      features: kind,
      dtype: this.dtype,
    };
    const folder = join(this.folder, `${stage.replaceAll(" ", "-")}-${kind}-${resizeSize}-${cropSize}-${images.slice(0, 8)}`);
    await mkdir(folder, { recursive: true });
    await removePartials(folder);
    const path = join(folder, "key.json");
    const text = await readFile(path, "utf8").catch(() => undefined);
    if (text === undefined) await writeFileAtomic(path, JSON.stringify(key, null, 2));
    else requireSame(path, JSON.parse(text) as Partial<Key>, key);
    return folder;
  }

  private async extract(backbone: FrozenBackbone, dataset: ImageDataset, start: number, folder: string, options: ExtractOptions): Promise<Shard[]> {
    const rest = subset(dataset, Int32Array.from({ length: dataset.length - start }, (_, i) => start + i));
    const progress = (stage: string, seen: number) => options.progress?.(stage, start + seen, dataset.length);
    const shards: Shard[] = [];
    let parts: { readonly values: Float32Array; readonly indices: Int32Array }[] = [];
    let first = start;
    const flush = async (end: number) => {
      const path = join(folder, `shard-${String(first).padStart(8, "0")}.safetensors`);
      await this.write(path, backbone.width, parts, { first, end });
      shards.push({ path, first, end });
      [parts, first] = [[], end];
    };
    for await (const { values, indices, seen } of featureBatches(backbone, rest, { ...options, progress })) {
      parts.push({ values, indices: indices.map((index) => start + index) });
      if (start + seen - first >= this.shardImages) await flush(start + seen);
    }
    if (first < dataset.length) await flush(dataset.length);
    return shards;
  }

  private async write(path: string, width: number, parts: readonly { values: Float32Array; indices: Int32Array }[], { first, end }: Omit<Shard, "path">): Promise<void> {
    const rows = Int32Array.from(parts.flatMap(({ indices }) => [...indices]));
    const { values } = createFeatureMatrix(rows.length, width);
    let at = 0;
    for (const part of parts) {
      values.set(part.values, at);
      at += part.values.length;
    }
    const features = { dtype: this.dtype === "float16" ? ("F16" as const) : ("F32" as const), shape: [rows.length, width], data: values };
    await writeSafetensors(path, { features, rows: { shape: [rows.length], data: rows } }, { first: String(first), end: String(end) });
  }
}

interface StoredBackbone {
  /** "image", or "b4" for `blockFeatures` of four blocks. */
  readonly kind: string;
  /** Gives what is stored, [B, W]. */
  readonly backbone: FrozenBackbone;
  /** The columns that the caller reads: [start, start + width). */
  readonly start: number;
  readonly width: number;
}

function storedBackbone(backbone: FrozenBackbone): StoredBackbone {
  const { blocks, blockCount, width } = backbone;
  if (!blocks) return { kind: "image", backbone, start: 0, width };
  const tokenWidth = blockCount === undefined ? width : width / (blockCount + 1);
  const count = Math.max(blockCount ?? 1, Math.min(USUAL_BLOCKS, blocks.depth));
  const stored = { ...backbone, width: (count + 1) * tokenWidth, imageFeatures: (images: Parameters<typeof blocks.features>[0]) => blocks.features(images, count) };
  return { kind: `b${count}`, backbone: stored, start: (count - (blockCount ?? 1)) * tokenWidth, width };
}

/** Shards in order, which follow one another. */
async function shardsOf(folder: string): Promise<Shard[]> {
  const names = (await readdir(folder)).filter((name) => /^shard-\d+\.safetensors$/.test(name)).sort();
  const shards: Shard[] = [];
  for (const name of names) {
    const path = join(folder, name);
    await using file = await openSafetensors(path);
    const [first, end] = [Number(file.metadata["first"]), Number(file.metadata["end"])];
    if (first !== (shards.at(-1)?.end ?? 0) || !(end > first)) throw new InputError(`${path} does not follow the shard before it; remove ${folder}, and its features are taken again.`);
    shards.push({ path, first, end });
  }
  return shards;
}

async function readShards(shards: readonly Shard[], mostRows: number, { start, width, backbone }: StoredBackbone): Promise<ExtractedFeatures> {
  const all = createFeatureMatrix(mostRows, width);
  const rows = new Int32Array(mostRows);
  let count = 0;
  for (const { path } of shards) {
    await using file = await openSafetensors(path);
    const [ofShard, values] = [await file.read("rows"), await file.read("features")];
    for (let row = 0; row < ofShard.length; row++) {
      const from = row * backbone.width + start;
      all.values.set(values.subarray(from, from + width), (count + row) * width);
    }
    rows.set(ofShard, count);
    count += ofShard.length;
  }
  return { features: rowRange(all, 0, count), rows: rows.subarray(0, count) };
}

/** Of the images that were dealt with at an earlier time, those that could not be decoded then. */
function sayWhatIsMissing(rows: Int32Array, done: number, dataset: ImageDataset, { skipped }: ExtractOptions): void {
  if (!skipped) return;
  const present = new Set(rows);
  for (let image = 0; image < done; image++) {
    if (!present.has(image)) skipped(dataset.name(image), "left out when its features were stored");
  }
}

const inWords: Readonly<Record<keyof Key, string>> = {
  model: "weights",
  precision: "precision of products",
  images: "images",
  files: "contents of the images",
  transform: "preparation of images",
  features: "blocks",
  dtype: "number format",
};

function requireSame(path: string, found: Partial<Key>, wanted: Key): void {
  const differing = (Object.keys(wanted) as (keyof Key)[]).filter((part) => found[part] !== wanted[part]);
  if (differing.length === 0) return;
  const differences = differing.map((part) => `${inWords[part]} ${shortened(found[part] ?? "unknown")}, not ${shortened(wanted[part])}`);
  throw new InputError(`${path} is of other features: ${differences.join("; ")}. Name another folder, or remove this one.`);
}

const shortened = (text: string) => (/^[0-9a-f]{64}$/.test(text) ? `${text.slice(0, 12)}…` : text);

/** SHA-256 over the names of all images, in order. */
function imagesFingerprint(dataset: ImageDataset): string {
  const hash = createHash("sha256");
  for (let i = 0; i < dataset.length; i++) hash.update(`${dataset.name(i)}\n`);
  return hash.digest("hex");
}
