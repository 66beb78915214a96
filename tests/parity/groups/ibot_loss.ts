// Teacher targets of the masked patches, the iBOT loss in both forms and with three kinds of weights, gradients.

import {
  centeredSoftmax,
  ibotLoss,
  ibotLossOverCrops,
  initialCenter,
  maskedPatchWeights,
  sinkhornKnopp,
  updateCenter,
} from "@dinov2/losses";
import { gatherRows, tf, type Tensor1D, type Tensor2D, type Tensor3D } from "@dinov2/tensor";
import { compareFact, compareTensor, compareValue, type Comparison, type GoldenCase } from "../harness.ts";
import { compare, compareScalar, load } from "../tensors.ts";

export async function check(golden: GoldenCase): Promise<Comparison[]> {
  const { comparisons, probabilities } = await checkTargets(golden);
  return [
    ...comparisons,
    ...checkMasks(golden),
    ...(await checkMasked(golden, probabilities)),
    ...(await checkWhole(golden)),
  ];
}

/** The teacher temperature, which the manifest gives in an output's description only. */
function temperature(golden: GoldenCase, output: string): number {
  const words = golden.description(output);
  const found = /T=([\d.]+\d)/.exec(words) ?? /teacher\(\w+, ([\d.]+\d)/.exec(words);
  if (!found) throw new Error(`Case ${golden.id}: no temperature in the description of "${output}".`);
  return Number(found[1]);
}

async function checkTargets(golden: GoldenCase): Promise<{ comparisons: Comparison[]; probabilities: Tensor2D }> {
  const first = load<Tensor2D>(golden, "in.teacher0");
  const second = load<Tensor2D>(golden, "in.teacher1");
  const prototypes = golden.attribute<number>("patch_out_dim");
  const center0 = initialCenter(prototypes);
  const center1 = updateCenter(center0, first, golden.attribute<number>("center_momentum"));
  const probabilities = centeredSoftmax(second, center1, temperature(golden, "out.softmax1"));
  const balanced = sinkhornKnopp(first, temperature(golden, "out.sinkhorn"));
  const comparisons = await Promise.all([
    compare(golden, "out.softmax0", centeredSoftmax(first, center0, temperature(golden, "out.softmax0"))),
    // Officially [1, 1, K].
    compare(golden, "out.center1", tf.reshape(center1, [1, 1, prototypes])),
    compare(golden, "out.softmax1", probabilities),
    compare(golden, "out.sinkhorn", balanced),
  ]);
  return { comparisons, probabilities };
}

function maskedIndices(golden: GoldenCase): Int32Array {
  const { data } = golden.tensor("in.masks");
  return Int32Array.from(data.keys()).filter((i) => data[i] !== 0);
}

const cropCount = (golden: GoldenCase) => golden.tensor("in.masks").shape[0]!;

function checkMasks(golden: GoldenCase): Comparison[] {
  const indices = maskedIndices(golden);
  const weights = maskedPatchWeights(golden.tensor("in.masks").data, cropCount(golden));
  return [
    compareTensor(golden, "out.mask_indices_list", { shape: [indices.length], data: indices }),
    compareTensor(golden, "out.masks_weight", { shape: [weights.length], data: weights }),
    compareValue(golden, "n_masked_patches", indices.length),
  ];
}

/** The loss on the masked rows alone. */
async function checkMasked(golden: GoldenCase, probabilities: Tensor2D): Promise<Comparison[]> {
  const indices = maskedIndices(golden);
  const [crops, patches, prototypes] = golden.tensor("in.student_full").shape as [number, number, number];
  const everyPatch = load<Tensor2D>(golden, "in.student_full", [crops * patches, prototypes]);
  const student = gatherRows(everyPatch, indices) as Tensor2D; // [M, K]
  const studentTemperature = golden.attribute<number>("student_temp");
  const given = load<Tensor1D>(golden, "out.masks_weight");
  const derived = tf.tensor1d(maskedPatchWeights(golden.tensor("in.masks").data, crops));
  const ramp = tf.tensor1d(Float32Array.from(indices, (_, i) => (i + 1) / indices.length));

  const lossWith = (weights: Tensor1D) => (logits: tf.Tensor) =>
    ibotLoss(logits as Tensor2D, probabilities, weights, crops, studentTemperature);
  return Promise.all([
    compareScalar(golden, "forward_masked", lossWith(given)(student)),
    compareScalar(golden, "forward_masked_default_weight", lossWith(derived)(student)),
    compareScalar(golden, "forward_masked_ramp_weight", lossWith(ramp)(student)),
    compare(golden, "grad.forward_masked.student_masked", tf.grad(lossWith(given))(student)),
    compare(golden, "grad.forward_masked_ramp.student_masked", tf.grad(lossWith(ramp))(student)),
  ]);
}

/** The loss over whole crops, and that it is the masked one with derived weights. */
async function checkWhole(golden: GoldenCase): Promise<Comparison[]> {
  const student = load<Tensor3D>(golden, "in.student_full");
  const teacher = load<Tensor3D>(golden, "in.teacher_full_probs");
  const masks = load<Tensor2D>(golden, "in.masks");
  const studentTemperature = golden.attribute<number>("student_temp");
  const loss = (logits: tf.Tensor) => ibotLossOverCrops(logits as Tensor3D, teacher, masks, studentTemperature);

  const [crops, patches, prototypes] = student.shape;
  const masked = (x: Tensor3D) =>
    gatherRows(tf.reshape(x, [crops * patches, prototypes]), maskedIndices(golden)) as Tensor2D;
  const weights = tf.tensor1d(maskedPatchWeights(golden.tensor("in.masks").data, crops));
  const whole = (await loss(student).data())[0]!;
  const rows = (await ibotLoss(masked(student), masked(teacher), weights, crops, studentTemperature).data())[0]!;
  return [
    await compareScalar(golden, "forward", loss(student)),
    await compare(golden, "grad.forward.student_full", tf.grad(loss)(student)),
    compareFact(
      "both forms agree",
      Math.abs(whole - rows) <= 1e-5 * Math.abs(whole),
      `${whole} over crops, ${rows} over rows`,
    ),
  ];
}
