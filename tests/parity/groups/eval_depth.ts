// Depth heads on given feature maps, the losses with their gradients, and the metrics of one map.

import {
  depthBins,
  depthMetricNames,
  depthOfBins,
  depthOfNumber,
  DepthScores,
  DptDepthHead,
  gradientLoss,
  LinearDepthHead,
  loadHead,
  sigLoss,
  type DepthMetrics,
  type DepthRange,
  type FeatureMap,
} from "@dinov2/evaluation";
import { RandomStream, tf, valueAndGradients } from "@dinov2/tensor";
import { compareNumbers, type Check, type Comparison, type GoldenCase } from "../harness.ts";
import { compare, compareScalar, load } from "../tensors.ts";

const FAR = 10;

export const check: Check = async (golden) => [
  ...(await headComparisons(golden)),
  ...(await lossComparisons(golden)),
  ...metricComparisons(golden),
];

const rangeOf = (golden: GoldenCase): DepthRange => [golden.attribute<number>("min_depth"), FAR];

async function headComparisons(golden: GoldenCase): Promise<Comparison[]> {
  const maps = featureMaps(golden);
  const range = rangeOf(golden);
  const bins = depthBins(range, golden.tensor("out.bins_UD").shape[0]!);
  const binned = (name: string, read = maps) => logits(golden, name, read, 4);
  const number = (name: string) => logits(golden, name, maps, 1);
  const depths: Record<string, tf.Tensor4D> = {
    ud_linear: depthOfBins(binned("ud_linear"), bins),
    ud_softmax: depthOfBins(binned("ud_softmax"), bins, "softmax"),
    ud_sigmoid: depthOfBins(binned("ud_sigmoid"), bins, "sigmoid"),
    one_layer: depthOfBins(binned("one_layer", maps.slice(0, 1)), bins),
    regress: depthOfNumber(number("regress"), range),
    regress_scale_up: depthOfNumber(number("regress_scale_up"), range, "scaled"),
    dpt: dptHead(golden, range).predict(maps),
  };
  const names = golden.names("out.depth.").map((name) => name.slice("out.depth.".length));
  return Promise.all([
    compare(golden, "out.bins_UD", bins),
    ...names.map((name) => compare(golden, `out.depth.${name}`, tf.transpose(depths[name]!, [0, 3, 1, 2]))),
  ]);
}

const featureMaps = (golden: GoldenCase): FeatureMap[] =>
  golden.names("in.feat").map((name, i) => ({
    patches: tf.transpose(load<tf.Tensor4D>(golden, name), [0, 2, 3, 1]),
    classToken: load<tf.Tensor2D>(golden, `in.cls${i}`),
  }));

/** The linear layer `name` of the case, on the maps. */
function logits(golden: GoldenCase, name: string, maps: readonly FeatureMap[], upsample: number): tf.Tensor4D {
  const [outputs, inputs] = golden.tensor(`w.${name}.conv_depth.weight`).shape as [number, number];
  const head = new LinearDepthHead({ width: inputs / 2, range: rangeOf(golden), bins: outputs, upsample }, RandomStream.fromSeed(0));
  loadHead(head.tensors, { origin: name, weights: golden.tensorsUnder(`w.${name}.`) });
  return head.logits(maps);
}

function dptHead(golden: GoldenCase, range: DepthRange): DptDepthHead {
  const outputs = (name: string) => golden.tensor(`w.dpt.${name}.weight`).shape[0]!;
  const stageChannels = [0, 1, 2, 3].map((i) => outputs(`reassemble_blocks.projects.${i}.conv`)) as [number, number, number, number];
  const sizes = { width: outputs("reassemble_blocks.readout_projects.0.0"), channels: outputs("project.conv"), stageChannels };
  const head = new DptDepthHead(sizes, range, RandomStream.fromSeed(0));
  loadHead(head.tensors, { origin: "dpt", weights: golden.tensorsUnder("w.dpt.") });
  return head;
}

type Loss = (predicted: tf.Tensor3D, measured: tf.Tensor3D) => tf.Scalar;

/** With the weights that the case's losses had. */
const losses: Readonly<Record<string, Loss>> = {
  sig: (p, t) => sigLoss(p, t),
  sig_w10_max5: (p, t) => tf.mul(sigLoss(p, t, { maxDepth: 5 }), 10),
  sig_warm: (p, t) => sigLoss(p, t, { meanOnly: true }),
  grad: (p, t) => tf.mul(gradientLoss(p, t), 0.5),
  grad_max5: (p, t) => gradientLoss(p, t, { maxDepth: 5 }),
};

async function lossComparisons(golden: GoldenCase): Promise<Comparison[]> {
  const shape = golden.tensor("in.pred").shape;
  const predicted = tf.variable(load(golden, "in.pred", [1, ...shape]));
  const measured = load<tf.Tensor3D>(golden, "in.gt", [1, ...shape]);
  const comparisons: Promise<Comparison>[] = [];
  for (const [name, loss] of Object.entries(losses)) {
    const { value, gradients } = valueAndGradients(
      () => loss(predicted as unknown as tf.Tensor3D, measured),
      new Map([["pred", predicted]]),
    );
    comparisons.push(compareScalar(golden, `loss.${name}`, value));
    comparisons.push(compare(golden, `grad.loss.${name}.pred`, tf.reshape(gradients.get("pred")!, [...shape])));
  }
  comparisons.push(batchDifferences(golden));
  return Promise.all(comparisons);
}

/**
 * The official code, given [4, 1, H, W], takes differences over the images where it means the map: ours on H W maps of 4 × 1
 * places. The factors of the four images are those of the case's description.
 */
function batchDifferences(golden: GoldenCase): Promise<Comparison> {
  const factors = /\(([\d., ]+)\)/.exec(golden.description("loss.grad_4d_quirk"))![1]!.split(",").map(Number);
  const asColumns = (name: string, scales: number[]) => {
    const pixels = load(golden, name, [golden.tensor(name).data.length, 1, 1]);
    return tf.mul(pixels, tf.tensor3d(scales, [1, scales.length, 1])) as tf.Tensor3D;
  };
  const loss = gradientLoss(asColumns("in.pred", factors), asColumns("in.gt", factors.map(() => 1)));
  return compareScalar(golden, "loss.grad_4d_quirk", loss);
}

function metricComparisons(golden: GoldenCase): Comparison[] {
  const [height, width] = golden.tensor("in.gt").shape as [number, number];
  const predicted = golden.tensor("in.pred").data;
  const depths = golden.tensor("in.gt").data as Float32Array;
  return (["metrics", "metrics_max5"] as const).flatMap((value) => {
    const scores = new DepthScores({ range: [golden.attribute("min_depth"), value === "metrics" ? FAR : 5] });
    scores.add(predicted, { width, height, depths });
    const expected = golden.value<Record<string, number>>(value);
    const tolerance = golden.tolerance(value) as { atol: number; rtol: number };
    const official = (name: keyof DepthMetrics) => expected[name === "log10" ? "log_10" : name]!;
    return depthMetricNames.map((name) => compareNumbers(`${value}.${name}`, [scores.perImage()[name]], [official(name)], tolerance));
  });
}
