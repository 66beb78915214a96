// Features in memory, by the names of their images: what one split of a set has asked for, the next need not compute.

import { type ImageDataset, subset } from "@dinov2/data";
import type { FrozenBackbone } from "./backbone.ts";
import { createFeatureMatrix } from "./feature-matrix.ts";
import { type ExtractedFeatures, extractFeatures, type ExtractOptions, type FeatureSource } from "./features.ts";

export class FeatureMemory implements FeatureSource {
  /** For each kind of features the vectors by name; undefined for an image that could not be decoded. */
  private readonly kinds = new Map<string, Map<string, Float32Array | undefined>>();

  /** @param source where features come from that are not in memory yet; the network itself, as it comes */
  constructor(private readonly source?: FeatureSource) {}

  async features(backbone: FrozenBackbone, dataset: ImageDataset, options: ExtractOptions = {}): Promise<ExtractedFeatures> {
    const { width, blockCount } = backbone;
    const kind = `${width} of ${blockCount ?? "image"}`;
    const known = this.kinds.get(kind) ?? new Map<string, Float32Array | undefined>();
    this.kinds.set(kind, known);
    const names = Array.from({ length: dataset.length }, (_, image) => dataset.name(image));
    const missing = [...names.keys()].filter((image) => !known.has(names[image]!));
    if (missing.length > 0) {
      const found = await extractFeatures(backbone, subset(dataset, missing), { ...options, store: this.source });
      for (const image of missing) known.set(names[image]!, undefined);
      for (const [i, row] of found.rows.entries()) known.set(names[missing[row]!]!, found.features.values.subarray(i * width, (i + 1) * width));
    }
    const rows = Int32Array.from(names.keys()).filter((image) => known.get(names[image]!) !== undefined);
    const features = createFeatureMatrix(rows.length, width);
    for (const [i, row] of rows.entries()) features.values.set(known.get(names[row]!)!, i * width);
    return { features, rows };
  }
}
