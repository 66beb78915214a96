// Segmentation: the head on given features, bilinear sizes with their gradient, padding, windows, and the metrics of three maps.

import {
  LinearSegmentationHead,
  loadHead,
  padAround,
  resizeBilinear,
  SegmentationScores,
  slidingWindows,
  type SegmentationMetrics,
} from "@dinov2/evaluation";
import { currentPrecision, RandomStream, tf, vectorJacobianProduct } from "@dinov2/tensor";
import { compareFact, compareNumbers, type Check, type Comparison, type GoldenCase } from "../harness.ts";
import { compare, load } from "../tensors.ts";

const PATCH = 14;
const ignored = 255;

export const check: Check = async (golden) => [
  ...(await headComparisons(golden)),
  ...(await resizeComparisons(golden)),
  ...(await Promise.all(golden.names("out.centerpad.").map((name) =>
    compare(golden, name, padAround(load<tf.Tensor4D>(golden, name.replace("out.centerpad", "in.centerpad_in")), PATCH))))),
  windowsComparison(golden),
  ...metricComparisons(golden, "metrics", (label) => label),
  // ADE20k's files: 0 says that a pixel is ignored, and the classes begin at 1.
  ...metricComparisons(golden, "metrics_reduce_zero_label", (label) => (label === 0 || label === ignored ? ignored : label - 1)),
];

const toPlaces = (maps: tf.Tensor4D): tf.Tensor4D => tf.transpose(maps, [0, 2, 3, 1]);
const toChannels = (maps: tf.Tensor4D): tf.Tensor4D => tf.transpose(maps, [0, 3, 1, 2]);

async function headComparisons(golden: GoldenCase): Promise<Comparison[]> {
  const maps = golden.names("in.feat").map((name) => toPlaces(load<tf.Tensor4D>(golden, name)));
  const [, height, width] = maps[0]!.shape;
  const features = tf.concat(maps.map((map) => resizeBilinear(map, [height, width])), 3);
  const head = headOf(golden, features.shape[3]);
  const logits = head.logits(features);
  const [, , rows, columns] = golden.tensor("out.logits_upsampled").shape as [number, number, number, number];
  const enlarged = resizeBilinear(logits, [rows, columns]);
  // A label has no tolerance: where logits of two classes are nearly equal, those of a bfloat16 product may say the other one.
  const labelled = currentPrecision() === "bf16" ? toPlaces(load<tf.Tensor4D>(golden, "out.logits_upsampled")) : enlarged;
  return [
    await compare(golden, "out.head_logits", toChannels(logits)),
    await compare(golden, "out.logits_upsampled", toChannels(enlarged)),
    await compare(golden, "out.softmax_argmax", tf.argMax(tf.softmax(labelled), 3)),
  ];
}

function headOf(golden: GoldenCase, width: number): LinearSegmentationHead {
  const head = new LinearSegmentationHead(width, golden.attribute<number>("num_classes"), RandomStream.fromSeed(0));
  loadHead(head.tensors, { origin: golden.id, weights: golden.tensorsUnder("w.") });
  return head;
}

/** `out.resize_bilinear.7x11`, with aligned corners `out.resize_bilinear_ac.7x11`. */
async function resizeComparisons(golden: GoldenCase): Promise<Comparison[]> {
  const maps = toPlaces(load<tf.Tensor4D>(golden, "in.resize_in"));
  const sizeOf = (name: string) => golden.tensor(name).shape.slice(2) as [number, number];
  const outputs = golden.names("out.resize_bilinear").map((name) =>
    compare(golden, name, toChannels(resizeBilinear(maps, sizeOf(name), { alignCorners: name.includes("_ac.") }))));
  const gradients = golden.names("grad.resize_bilinear").map((name) => {
    const cotangent = toPlaces(load<tf.Tensor4D>(golden, "in.resize_grad_cotangent"));
    const [gradient] = vectorJacobianProduct(() => resizeBilinear(maps, sizeOf("in.resize_grad_cotangent")), [maps], cotangent);
    return compare(golden, name, toChannels(gradient as tf.Tensor4D));
  });
  return Promise.all([...outputs, ...gradients]);
}

interface GoldenWindows {
  readonly h: number;
  readonly w: number;
  readonly crop: number;
  readonly stride: number;
  readonly windows: readonly (readonly number[])[];
}

function windowsComparison(golden: GoldenCase): Comparison {
  const cases = golden.value<GoldenWindows[]>("slide_windows");
  const got = cases.map(({ h, w, crop, stride }) => slidingWindows(h, w, { size: crop, stride }));
  const [text, expected] = [JSON.stringify(got), JSON.stringify(cases.map(({ windows }) => windows))];
  return compareFact("slide_windows", text === expected, `got ${text}, expected ${expected}`);
}

/** A share that is not a number is null in the manifest. */
type GoldenMetrics = Record<"mIoU" | "aAcc" | "mAcc", number> & Record<"IoU" | "Acc", (number | null)[]>;

function metricComparisons(golden: GoldenCase, name: string, relabel: (label: number) => number): Comparison[] {
  const scores = new SegmentationScores(golden.attribute<number>("num_classes"));
  for (const prediction of golden.names("in.pred")) {
    const truth = golden.tensor(prediction.replace("pred", "gt")).data;
    scores.add(golden.tensor(prediction).data, Array.from(truth, relabel));
  }
  const got: SegmentationMetrics = scores.metrics();
  const expected = golden.value<GoldenMetrics>(name);
  const tolerance = golden.tolerance(name) as { atol: number; rtol: number };
  // What is not a number must not be one on either side; -1 is no share.
  const numbers = (values: readonly (number | null)[]) => values.map((value) => (value === null || Number.isNaN(value) ? -1 : value));
  const compareAll = (key: string, ours: readonly number[], theirs: readonly (number | null)[]) =>
    compareNumbers(`${name}.${key}`, numbers(ours), numbers(theirs), tolerance);
  return [
    ...(["mIoU", "aAcc", "mAcc"] as const).map((key) => compareAll(key, [got[key]], [expected[key]])),
    compareAll("IoU", got.iou, expected.IoU),
    compareAll("Acc", got.accuracy, expected.Acc),
  ];
}
