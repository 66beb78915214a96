import { tf, useBackend, type Tensor, type Variable } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import { createAdamW } from "./adamw.ts";
import { clipGradientsPerSubModule } from "./clip.ts";
import { updateTeacher } from "./ema.ts";

const gradients = (values: Record<string, number[]>): Map<string, Tensor> =>
  new Map(Object.entries(values).map(([name, data]) => [name, tf.tensor1d(data)]));
const variables = (values: Record<string, number[]>): Map<string, Variable> =>
  new Map(Object.entries(values).map(([name, data]) => [name, tf.variable(tf.tensor1d(data))]));
const plain = (tensors: ReadonlyMap<string, Tensor>) =>
  Object.fromEntries([...tensors].map(([name, tensor]) => [name, [...tensor.dataSync()]]));

describe.each(["cpu", "wasm"] as const)("gradient clipping on %s", (backend) => {
  beforeAll(() => useBackend({ name: backend }));

  it("scales all tensors by one factor, maxNorm over their common norm: 3, 4 and 12 have norm 13", () => {
    const { norms, factor } = clipGradientsPerSubModule(gradients({ "head.a": [3, 4], "head.b": [12] }), 6.5);
    expect(norms.get("head")).toBeCloseTo(13, 5);
    expect(factor("head.b")).toBe(factor("head.a"));
    expect(factor("head.a")).toBeCloseTo(0.5, 6);
  });

  it("leaves gradients below the limit exactly as they are, and still tells their norm", () => {
    const { norms, factor } = clipGradientsPerSubModule(gradients({ a: [0.5, -0.25] }), 3);
    expect(factor("a")).toBe(1);
    expect(norms.get("a")).toBeCloseTo(Math.sqrt(0.3125), 6);
  });

  it("clips each sub-module by its own norm", () => {
    const both = gradients({
      "backbone.norm.weight": [0.3, 0.4],
      "dino_head.mlp.0.weight": [30],
      "dino_head.mlp.0.bias": [40],
    });
    const { norms, factor } = clipGradientsPerSubModule(both, 5);
    expect([...norms.keys()]).toEqual(["backbone", "dino_head"]);
    expect(norms.get("dino_head")).toBeCloseTo(50, 4);
    expect(factor("backbone.norm.weight")).toBe(1);
    expect(factor("dino_head.mlp.0.bias")).toBeCloseTo(0.1, 6);
  });

  it("tells of a gradient that is not finite by its norm, and makes the factor NaN", () => {
    const { norms, factor } = clipGradientsPerSubModule(gradients({ a: [1, NaN] }), 3);
    expect([norms.get("a"), factor("a")]).toEqual([NaN, NaN]);
  });

  it("makes the optimiser step as it would on gradients multiplied by the factors", async () => {
    const start = { "backbone.a": [1, -2, 3], "dino_head.b": [0.5] };
    const given = gradients({ "backbone.a": [3, 4, 12], "dino_head.b": [0.1] });
    const clipping = clipGradientsPerSubModule(given, 3);
    const multiplied = new Map([...given].map(([name, gradient]) => [name, tf.mul(gradient, clipping.factor(name))]));
    const rates = { learningRate: () => 0.1, weightDecay: () => 0.04 };
    const [clipped, plainly] = [variables(start), variables(start)];
    const [one, other] = [createAdamW(clipped), createAdamW(plainly)];
    one.apply(given, rates, clipping);
    other.apply(multiplied, rates);
    const [{ tensors: moments }, { tensors: expected }] = [await one.exportState(), await other.exportState()];
    expect(moments["backbone.a.exp_avg"]!.data[2]).toBeCloseTo(0.1 * 12 * (3 / 13), 5);
    for (const [name, { data }] of Object.entries(moments)) {
      data.forEach((value, i) => expect(Math.abs(value - expected[name]!.data[i]!)).toBeLessThan(1e-7));
    }
    for (const [name, variable] of clipped) {
      const values = plainly.get(name)!.dataSync();
      variable.dataSync().forEach((value, i) => expect(Math.abs(value - values[i]!)).toBeLessThan(1e-6));
    }
  });

  it("changes no gradient and leaves no tensor behind", () => {
    const given = gradients({ "backbone.a": [1], "dino_head.b": [100] });
    const before = tf.memory().numTensors;
    clipGradientsPerSubModule(given, 3);
    expect(tf.memory().numTensors).toBe(before);
    expect(plain(given)).toEqual({ "backbone.a": [1], "dino_head.b": [100] });
  });
});

describe.each(["cpu", "wasm"] as const)("the teacher on %s", (backend) => {
  beforeAll(() => useBackend({ name: backend }));

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
