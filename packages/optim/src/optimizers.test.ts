import { InputError } from "@dinov2/foundation";
import { RandomStream, tf, useBackend, type Tensor, type Variable } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import { createAdamW } from "./adamw.ts";
import type { ParameterRates } from "./parameter-groups.ts";
import { Sgd } from "./sgd.ts";

const size = 5;
const random = RandomStream.fromSeed(9);
const numbers = () => Array.from({ length: size }, () => random.normal());
const start = { weight: numbers(), last_layer: numbers() };
/** Gradients of four steps. */
const steps = [0, 1, 2, 3].map(() => ({ weight: numbers(), last_layer: numbers() }));
const learningRates = [0.1, 0.2, 0.05, 0.1];
const weightDecays = [0.04, 0.1, 0.2, 0.4];

const variables = (values: Record<string, number[]>): Map<string, Variable> =>
  new Map(Object.entries(values).map(([name, data]) => [name, tf.variable(tf.tensor1d(data))]));
const tensors = (values: Record<string, number[]>): Map<string, Tensor> =>
  new Map(Object.entries(values).map(([name, data]) => [name, tf.tensor1d(data)]));

/** The last layer is frozen for two steps, and has no weight decay. */
const ratesAt = (step: number): ParameterRates => ({
  learningRate: (name) => (name === "last_layer" && step < 2 ? 0 : learningRates[step]!),
  weightDecay: (name) => (name === "last_layer" ? 0 : weightDecays[step]!),
});

/** One number's way through the steps, in float64. */
function adamWDefinition(name: "weight" | "last_layer", i: number, count: number) {
  let [p, m, v] = [start[name][i]!, 0, 0];
  for (let step = 0; step < count; step++) {
    const g = steps[step]![name][i]!;
    const learningRate = ratesAt(step).learningRate(name);
    p *= 1 - learningRate * ratesAt(step).weightDecay(name);
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    p -= (learningRate * (m / (1 - 0.9 ** (step + 1)))) / (Math.sqrt(v / (1 - 0.999 ** (step + 1))) + 1e-8);
  }
  return { p, m, v };
}

describe.each(["cpu", "wasm"] as const)("AdamW on %s", (backend) => {
  beforeAll(() => useBackend({ name: backend }));

  const run = (optimizer: ReturnType<typeof createAdamW>, from: number, to: number) => {
    for (let step = from; step < to; step++) optimizer.apply(tensors(steps[step]!), ratesAt(step));
  };

  it("follows the float64 definition for four steps, parameters and moments", async () => {
    const parameters = variables(start);
    const optimizer = createAdamW(parameters);
    run(optimizer, 0, 4);
    const state = await optimizer.exportState();
    for (const name of ["weight", "last_layer"] as const) {
      const data = parameters.get(name)!.dataSync();
      for (let i = 0; i < size; i++) {
        const { p, m, v } = adamWDefinition(name, i, 4);
        expect(Math.abs(data[i]! - p)).toBeLessThan(1e-6);
        expect(Math.abs(state.tensors[`${name}.exp_avg`]!.data[i]! - m)).toBeLessThan(1e-6);
        expect(Math.abs(state.tensors[`${name}.exp_avg_sq`]!.data[i]! - v)).toBeLessThan(1e-6);
      }
    }
  });

  it("moves by the learning rate in the gradient's direction at the first step, without weight decay", () => {
    const parameters = variables({ weight: [1, 1, 1] });
    createAdamW(parameters).apply(tensors({ weight: [5, -0.01, 300] }), {
      learningRate: () => 0.1,
      weightDecay: () => 0,
    });
    for (const [i, expected] of [0.9, 1.1, 0.9].entries())
      expect(parameters.get("weight")!.dataSync()[i]).toBeCloseTo(expected, 5);
  });

  it("leaves a frozen last layer alone, while its moments move", async () => {
    const parameters = variables(start);
    const optimizer = createAdamW(parameters);
    run(optimizer, 0, 2);
    expect([...parameters.get("last_layer")!.dataSync()]).toEqual(start.last_layer.map(Math.fround));
    const { tensors: state } = await optimizer.exportState();
    expect(state["last_layer.exp_avg"]!.data[0]).toBeCloseTo(adamWDefinition("last_layer", 0, 2).m, 6);
  });

  it("leaves out a parameter without a gradient", async () => {
    const parameters = variables(start);
    const optimizer = createAdamW(parameters);
    optimizer.apply(tensors({ weight: steps[0]!.weight }), ratesAt(3));
    expect([...parameters.get("last_layer")!.dataSync()]).toEqual(start.last_layer.map(Math.fround));
    expect((await optimizer.exportState()).tensors["last_layer.exp_avg_sq"]!.data.every((value) => value === 0)).toBe(
      true,
    );
  });

  it("goes on from an exported state exactly as if it had not stopped", async () => {
    const straight = variables(start);
    run(createAdamW(straight), 0, 4);

    const first = variables(start);
    const before = createAdamW(first);
    run(before, 0, 2);
    const resumed = variables(
      Object.fromEntries([...first].map(([name, variable]) => [name, [...variable.dataSync()]])),
    );
    const after = createAdamW(resumed);
    after.importState(await before.exportState());
    run(after, 2, 4);

    expect(after.step).toBe(4);
    for (const [name, variable] of straight)
      expect([...resumed.get(name)!.dataSync()]).toEqual([...variable.dataSync()]);
  });

  it("refuses the state of other parameters, names what differs, and changes nothing", async () => {
    const optimizer = createAdamW(variables({ weight: [1, 2] }));
    const other = createAdamW(variables({ weight: [1, 2, 3], bias: [1] }));
    run(optimizer, 0, 0);
    const state = await other.exportState();
    expect(() => optimizer.importState(state)).toThrow(InputError);
    expect(() => optimizer.importState(state)).toThrow('"weight.exp_avg" is [3], expected [2]');
    expect(() => optimizer.importState(state)).toThrow('"bias.exp_avg" is unknown');
  });

  it("refuses a gradient of an unknown parameter", () => {
    const optimizer = createAdamW(variables({ weight: [1] }));
    expect(() => optimizer.apply(tensors({ wait: [1] }), ratesAt(0))).toThrow('"wait"');
    expect(optimizer.step).toBe(0);
  });

  it("leaves the number of tensors as it was, step after step, and frees its moments", () => {
    const parameters = variables(start);
    const gradients = tensors(steps[0]!);
    const outside = tf.memory().numTensors;
    const optimizer = createAdamW(parameters);
    expect(tf.memory().numTensors).toBe(outside + 4);
    for (let step = 0; step < 4; step++) optimizer.apply(gradients, ratesAt(step));
    expect(tf.memory().numTensors).toBe(outside + 4);
    optimizer.dispose();
    expect(tf.memory().numTensors).toBe(outside);
  });
});

describe.each(["cpu", "wasm"] as const)("SGD on %s", (backend) => {
  beforeAll(() => useBackend({ name: backend }));

  it("follows p -= lr b, b = 0.9 b + g + wd p, for four steps (float64 loop)", () => {
    const parameters = variables(start);
    const optimizer = new Sgd(parameters, { momentum: 0.9 });
    for (const [step, gradients] of steps.entries()) optimizer.apply(tensors(gradients), ratesAt(step));
    for (let i = 0; i < size; i++) {
      let [p, b] = [start.weight[i]!, 0];
      for (const [step, gradients] of steps.entries()) {
        b = 0.9 * b + gradients.weight[i]! + weightDecays[step]! * p;
        p -= learningRates[step]! * b;
      }
      expect(parameters.get("weight")!.dataSync()[i]).toBeCloseTo(p, 5);
    }
  });

  it("goes on from an exported state exactly, and leaves no tensors behind", async () => {
    const parameters = variables(start);
    const before = tf.memory().numTensors;
    const first = new Sgd(parameters);
    const gradients = tensors(steps[0]!);
    first.apply(gradients, ratesAt(0));
    const state = await first.exportState();
    const second = new Sgd(parameters);
    second.importState(state);
    expect(second.step).toBe(1);
    expect(await second.exportState()).toEqual(state);
    tf.dispose([...gradients.values()]);
    first.dispose();
    second.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
