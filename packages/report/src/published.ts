// Numbers that the authors of DINOv2 published, to be read beside ours. They stand on a page only where the data are the same.

import type { BenchmarkResults } from "./results.ts";

export interface PublishedDataset {
  readonly name: string;
  /** What comes before the colon of a source to test on: the reader of this dataset's layout. */
  readonly scheme: string;
  /** The same of the source to learn from, where it is another. */
  readonly learntFrom?: string;
  /** The size of the split that the numbers are of. */
  readonly testImages: number;
  readonly classes?: number;
  readonly source: string;
  readonly benchmarks: Readonly<Record<string, PublishedTable>>;
}

export interface PublishedTable {
  /** What the numbers are; shares of 1 are shown as per cent. */
  readonly columns: readonly { readonly name: string; readonly percent?: boolean }[];
  readonly rows: Readonly<Record<string, readonly number[]>>;
}

const top1 = [{ name: "top-1", percent: true }];

const publishedDatasets: readonly PublishedDataset[] = [
  {
    name: "ImageNet-1k",
    scheme: "imagenet",
    testImages: 50_000,
    classes: 1000,
    source: "facebookresearch/dinov2, README.md and MODEL_CARD.md, frozen features",
    benchmarks: {
      knn: {
        columns: [{ name: "best k, top-1", percent: true }],
        rows: {
          "ViT-S/14": [0.79],
          "ViT-B/14": [0.821],
          "ViT-L/14": [0.835],
          "ViT-g/14": [0.835],
          "ViT-S/14 with registers": [0.791],
          "ViT-B/14 with registers": [0.82],
          "ViT-L/14 with registers": [0.838],
          "ViT-g/14 with registers": [0.837],
        },
      },
      linear: {
        columns: top1,
        rows: {
          "ViT-S/14": [0.811],
          "ViT-B/14": [0.845],
          "ViT-L/14": [0.863],
          "ViT-g/14": [0.865],
          "ViT-S/14 with registers": [0.809],
          "ViT-B/14 with registers": [0.846],
          "ViT-L/14 with registers": [0.867],
          "ViT-g/14 with registers": [0.871],
        },
      },
    },
  },
  {
    name: "ImageNet-ReaL",
    scheme: "imagenet-real",
    learntFrom: "imagenet",
    testImages: 46_837,
    classes: 1000,
    source: "arXiv 2304.07193, Table 4",
    benchmarks: { linear: { columns: top1, rows: { "ViT-S/14": [0.866], "ViT-B/14": [0.883], "ViT-L/14": [0.895], "ViT-g/14": [0.896] } } },
  },
  {
    name: "ImageNet-V2",
    scheme: "imagenet-v2",
    learntFrom: "imagenet",
    testImages: 10_000,
    classes: 1000,
    source: "arXiv 2304.07193, Table 4",
    benchmarks: { linear: { columns: top1, rows: { "ViT-S/14": [0.709], "ViT-B/14": [0.751], "ViT-L/14": [0.78], "ViT-g/14": [0.784] } } },
  },
  {
    name: "ADE20k",
    scheme: "ade20k",
    testImages: 2000,
    classes: 150,
    source: "arXiv 2304.07193, Table 10",
    benchmarks: {
      segmentation: {
        columns: [{ name: "mIoU, linear", percent: true }, { name: "mIoU, +ms", percent: true }],
        rows: {
          "ViT-S/14": [0.443, 0.472],
          "ViT-B/14": [0.473, 0.513],
          "ViT-L/14": [0.477, 0.531],
          "ViT-g/14": [0.49, 0.53],
        },
      },
    },
  },
  {
    name: "Cityscapes",
    scheme: "cityscapes",
    testImages: 500,
    classes: 19,
    source: "arXiv 2304.07193, Table 10",
    benchmarks: {
      segmentation: {
        columns: [{ name: "mIoU, linear", percent: true }, { name: "mIoU, +ms", percent: true }],
        rows: {
          "ViT-S/14": [0.666, 0.771],
          "ViT-B/14": [0.694, 0.8],
          "ViT-L/14": [0.703, 0.809],
          "ViT-g/14": [0.713, 0.81],
        },
      },
    },
  },
  {
    name: "Pascal VOC 2012",
    scheme: "voc",
    testImages: 1449,
    classes: 21,
    source: "arXiv 2304.07193, Table 10",
    benchmarks: {
      segmentation: {
        columns: [{ name: "mIoU, linear", percent: true }, { name: "mIoU, +ms", percent: true }],
        rows: {
          "ViT-S/14": [0.811, 0.826],
          "ViT-B/14": [0.825, 0.849],
          "ViT-L/14": [0.821, 0.86],
          "ViT-g/14": [0.83, 0.862],
        },
      },
    },
  },
  {
    name: "NYU Depth v2",
    scheme: "nyu",
    testImages: 654,
    source: "arXiv 2304.07193, Table 11",
    benchmarks: {
      depth: {
        columns: [{ name: "RMSE (m), lin. 1" }, { name: "RMSE (m), lin. 4" }, { name: "RMSE (m), DPT" }],
        rows: {
          "ViT-S/14": [0.449, 0.417, 0.356],
          "ViT-B/14": [0.399, 0.362, 0.317],
          "ViT-L/14": [0.384, 0.333, 0.293],
          "ViT-g/14": [0.344, 0.298, 0.279],
        },
      },
    },
  },
  {
    name: "KITTI, Eigen's split",
    scheme: "kitti",
    testImages: 652,
    source: "arXiv 2304.07193, Table 11",
    benchmarks: {
      depth: { columns: [{ name: "RMSE (m), lin. 4" }], rows: { "ViT-S/14": [2.86], "ViT-B/14": [2.59], "ViT-L/14": [2.5], "ViT-g/14": [2.35] } },
    },
  },
  {
    name: "Revisited Oxford",
    scheme: "roxford5k",
    testImages: 70,
    source: "arXiv 2304.07193, Table 9",
    benchmarks: {
      retrieval: {
        columns: [{ name: "mAP, medium", percent: true }, { name: "mAP, hard", percent: true }],
        rows: { "ViT-S/14": [0.688, 0.432], "ViT-B/14": [0.729, 0.495], "ViT-L/14": [0.751, 0.54], "ViT-g/14": [0.736, 0.523] },
      },
    },
  },
];

/**
 * The published numbers of a result's benchmark on the datasets that it was tested on; none of one whose source was not read by
 * its own layout, or is not all of its split: a subset's numbers are no peers of them.
 */
export function publishedBeside({ benchmark, data }: BenchmarkResults): (PublishedTable & Pick<PublishedDataset, "name" | "source">)[] {
  const tests = data.tests ?? [{ source: data.source, images: data.testImages }];
  return tests.flatMap((tested) => {
    const dataset = publishedDatasets.find(({ scheme, learntFrom = scheme, testImages, classes }) =>
      data.source.startsWith(`${learntFrom}:`) && tested.source.startsWith(`${scheme}:`) && tested.images === testImages && (classes === undefined || data.classes === classes));
    const table = dataset?.benchmarks[benchmark];
    return dataset && table ? [{ ...table, name: dataset.name, source: dataset.source }] : [];
  });
}
