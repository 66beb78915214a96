import { RandomStream, tf, useBackend, type Tensor2D, type Tensor3D } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import { crossEntropy, finiteDifferences, largestDifference, randomRows, softmax, type Rows } from "./definitions.ts";
import { ibotLoss, ibotLossOverCrops, maskedPatchWeights } from "./ibot-loss.ts";

// 4 crops of 5 patches: 2 masked, none, 3 masked, 1 masked.
const masks = [1, 0, 0, 1, 0, /**/ 0, 0, 0, 0, 0, /**/ 0, 1, 1, 1, 0, /**/ 0, 0, 0, 0, 1];
const crops = 4;
const patches = 5;
const prototypes = 6;
const maskedIndices = masks.flatMap((masked, i) => (masked ? [i] : []));

/** Per crop the mean cross-entropy over its masked patches, then the mean over all crops. */
function ibotDefinition(student: Rows, teacher: Rows, temperature: number): number {
  let loss = 0;
  for (let b = 0; b < crops; b++) {
    const masked = maskedIndices.filter((i) => Math.floor(i / patches) === b);
    for (const i of masked) loss += crossEntropy(student[i]!, teacher[i]!, temperature) / masked.length;
  }
  return loss / crops;
}

describe("the weights of masked patches", () => {
  it("are one over the masked patches of the crop, in the order of the patches", () => {
    const third = Math.fround(1 / 3);
    expect([...maskedPatchWeights(masks, crops)]).toEqual([0.5, 0.5, third, third, third, 1]);
  });

  it("are none when nothing is masked", () => {
    expect(maskedPatchWeights(new Uint8Array(10), 2)).toHaveLength(0);
  });
});

describe.each(["cpu", "wasm"] as const)("iBOT loss on %s", (backend) => {
  beforeAll(() => useBackend({ name: backend }));

  const random = RandomStream.fromSeed(2);
  const student = randomRows(random, crops * patches, prototypes, 0.5);
  const teacher = randomRows(random, crops * patches, prototypes, 2).map(softmax);
  const atMasked = (rows: Rows) => tf.tensor2d(maskedIndices.map((i) => [...rows[i]!]));
  const weights = () => tf.tensor1d(maskedPatchWeights(masks, crops));
  const overCrops = (rows: Rows) => tf.tensor3d(rows.flat(), [crops, patches, prototypes]);

  it("is the mean over all crops of the mean over their masked patches (definition in float64)", () => {
    const loss = ibotLoss(atMasked(student), atMasked(teacher), weights(), crops, 0.1).dataSync()[0]!;
    expect(Math.abs(loss / ibotDefinition(student, teacher, 0.1) - 1)).toBeLessThan(1e-6);
  });

  it("over whole crops is the same number", () => {
    const loss = ibotLossOverCrops(overCrops(student), overCrops(teacher), tf.tensor2d(masks, [crops, patches]), 0.1);
    expect(Math.abs(loss.dataSync()[0]! / ibotDefinition(student, teacher, 0.1) - 1)).toBeLessThan(1e-6);
  });

  it("of an undecided student is the share of masked crops times ln K: three of four crops", () => {
    const loss = ibotLoss(tf.zeros([maskedIndices.length, prototypes]), atMasked(teacher), weights(), crops, 0.1);
    expect(loss.dataSync()[0]).toBeCloseTo(0.75 * Math.log(prototypes), 6);
  });

  it("takes the weights it is given", () => {
    const double = tf.mul(weights(), 2) as tf.Tensor1D;
    const loss = ibotLoss(atMasked(student), atMasked(teacher), double, crops, 0.1).dataSync()[0]!;
    expect(loss).toBeCloseTo(2 * ibotDefinition(student, teacher, 0.1), 4);
  });

  it("has the gradient of finite differences on the float64 definition, zero at visible patches", () => {
    const expected = finiteDifferences((rows) => ibotDefinition(rows, teacher, 0.1), student);
    const masked = tf.grad((s) => ibotLoss(s as Tensor2D, atMasked(teacher), weights(), crops, 0.1))(atMasked(student));
    expect(
      largestDifference(
        masked.dataSync(),
        maskedIndices.map((i) => expected[i]!),
      ),
    ).toBeLessThan(1e-5);

    const flags = tf.tensor2d(masks, [crops, patches]);
    const whole = tf.grad((s) => ibotLossOverCrops(s as Tensor3D, overCrops(teacher), flags, 0.1))(overCrops(student));
    expect(largestDifference(whole.dataSync(), expected)).toBeLessThan(1e-5);
  });

  it("leaves no tensor behind but its value", () => {
    const [s, t, w] = [atMasked(student), atMasked(teacher), weights()];
    const before = tf.memory().numTensors;
    ibotLoss(s, t, w, crops, 0.1).dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
