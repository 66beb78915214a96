import { tf, useBackend, type Tensor, type Variable } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import { clipGradients, clipGradientsPerSubModule } from "./clip.ts";
import { updateTeacher } from "./ema.ts";

const gradients = (values: Record<string, number[]>): Map<string, Tensor> =>
  new Map(Object.entries(values).map(([name, data]) => [name, tf.tensor1d(data)]));
const plain = (tensors: ReadonlyMap<string, Tensor>) =>
  Object.fromEntries([...tensors].map(([name, tensor]) => [name, [...tensor.dataSync()]]));

describe.each(["cpu", "wasm"] as const)("gradient clipping on %s", (backend) => {
  beforeAll(() => useBackend({ name: backend }));

  it("scales all tensors by one factor, maxNorm over their common norm: 3, 4 and 12 have norm 13", () => {
    const { gradients: clipped, norm } = clipGradients(gradients({ a: [3, 4], b: [12] }), 6.5);
    expect(norm).toBeCloseTo(13, 5);
    for (const [i, expected] of [1.5, 2, 6].entries()) {
      expect([...clipped.get("a")!.dataSync(), ...clipped.get("b")!.dataSync()][i]).toBeCloseTo(expected, 5);
    }
  });

  it("leaves gradients below the limit exactly as they are, and still tells their norm", () => {
    const { gradients: clipped, norm } = clipGradients(gradients({ a: [0.5, -0.25] }), 3);
    expect(plain(clipped)).toEqual({ a: [0.5, -0.25] });
    expect(norm).toBeCloseTo(Math.sqrt(0.3125), 6);
  });

  it("clips each sub-module by its own norm", () => {
    const both = gradients({
      "backbone.norm.weight": [0.3, 0.4],
      "dino_head.mlp.0.weight": [30],
      "dino_head.mlp.0.bias": [40],
    });
    const { gradients: clipped, norms } = clipGradientsPerSubModule(both, 5);
    expect([...norms.keys()]).toEqual(["backbone", "dino_head"]);
    expect(norms.get("dino_head")).toBeCloseTo(50, 4);
    expect(plain(clipped)["backbone.norm.weight"]).toEqual([0.3, 0.4].map(Math.fround));
    expect(clipped.get("dino_head.mlp.0.bias")!.dataSync()[0]).toBeCloseTo(4, 5);
  });

  it("tells of a gradient that is not finite by its norm", () => {
    expect(clipGradients(gradients({ a: [1, NaN] }), 3).norm).toBeNaN();
  });

  it("gives new tensors, clipped or not, and leaves no others behind", () => {
    const given = gradients({ "backbone.a": [1], "dino_head.b": [100] });
    const before = tf.memory().numTensors;
    const { gradients: clipped } = clipGradientsPerSubModule(given, 3);
    tf.dispose([...clipped.values()]);
    expect(tf.memory().numTensors).toBe(before);
    expect(plain(given)).toEqual({ "backbone.a": [1], "dino_head.b": [100] });
  });
});

describe.each(["cpu", "wasm"] as const)("the teacher on %s", (backend) => {
  beforeAll(() => useBackend({ name: backend }));

  const variables = (values: Record<string, number[]>): Map<string, Variable> =>
    new Map(Object.entries(values).map(([name, data]) => [name, tf.variable(tf.tensor1d(data))]));

  it("moves by 1 - momentum towards the student, matched by name", () => {
    const teacher = variables({ a: [0, 10], b: [1] });
    updateTeacher(teacher, variables({ b: [2], a: [1, 0], unused: [5] }), 0.75);
    expect(plain(teacher)).toEqual({ a: [0.25, 7.5], b: [1.25] });
  });

  it("stays as it is at momentum 1, and leaves no tensors behind", () => {
    const [teacher, student] = [variables({ a: [3] }), variables({ a: [4] })];
    const before = tf.memory().numTensors;
    updateTeacher(teacher, student, 1);
    expect(plain(teacher)).toEqual({ a: [3] });
    expect(tf.memory().numTensors).toBe(before);
  });

  it("needs every one of its parameters in the student", () => {
    expect(() => updateTeacher(variables({ a: [1] }), variables({ b: [1] }), 0.9)).toThrow('"a"');
  });
});
