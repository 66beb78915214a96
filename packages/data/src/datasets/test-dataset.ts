import { openDataset } from "./open-dataset.ts";
import type { ImageDataset } from "./dataset.ts";
import { looksLikeImageNetTest, openImageNetTest } from "./imagenet/test-sets.ts";

/** Images to test classifiers on that were trained on others, and what is particular to how they are scored. */
export interface TestDataset extends ImageDataset {
  /** Class k is the k-th of ImageNet-1k's by sorted wnid, and named so. */
  readonly numbered?: boolean;
  /** As published, no class may be answered but those of these images. */
  readonly ownClassesOnly?: boolean;
  /** All right classes of an image, of which `label` is the first; one that has none does not count. */
  rightClasses?(index: number): readonly number[];
}

/** Opens what `openDataset` opens, and says how test sets with ImageNet's labels are scored. */
export const openTestDataset = (source: string): Promise<TestDataset> =>
  looksLikeImageNetTest(source) ? openImageNetTest(source) : openDataset(source);
