// The ops that write to variables, against the same steps in float64.
import * as tf from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";
import { adamWUpdate } from "../ops/adamw-update.ts";
import { emaUpdate } from "../ops/ema-update.ts";
import { globalNorm, globalNorms } from "../ops/global-norm.ts";
import { expectClose, expectNoLeaks } from "./expectations.ts";
import { normal, toTensor } from "./values.ts";
import type { Values } from "./values.ts";

const settings = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8 };

interface Rates {
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly gradientFactor: number;
}

interface State {
  readonly p: Float64Array;
  readonly m: Float64Array;
  readonly v: Float64Array;
}

/** torch.optim.AdamW, one step on gradients times their factor, on plain numbers. */
function referenceStep(state: State, gradient: Float64Array, { learningRate, weightDecay, gradientFactor }: Rates, step: number): void {
  const { beta1, beta2, epsilon } = settings;
  gradient.forEach((unscaled, i) => {
    const g = unscaled * gradientFactor;
    state.p[i]! *= 1 - learningRate * weightDecay;
    state.m[i] = beta1 * state.m[i]! + (1 - beta1) * g;
    state.v[i] = beta2 * state.v[i]! + (1 - beta2) * g * g;
    const mHat = state.m[i]! / (1 - beta1 ** step);
    const vHat = state.v[i]! / (1 - beta2 ** step);
    state.p[i]! -= (learningRate * mHat) / (Math.sqrt(vHat) + epsilon);
  });
}

/** A variable, and the tensor it was made from, which may share its memory. */
function variableOf(values: Values): { variable: tf.Variable; original: tf.Tensor } {
  const original = toTensor(values);
  return { variable: tf.variable(original), original };
}

/** The last one is long enough to be split over threads. */
const shapes = [[1], [3, 5], [1031], [70_001]] as const;

/** A parameter with its moments, which share the memory of one tensor, and what they become in float64. */
function adamWCase(shape: readonly number[], index: number) {
  const start = normal(shape, 1);
  const zeros = tf.zeros([...shape]);
  return {
    rates: { learningRate: 0.02 * (index + 1), weightDecay: 0.3 / (index + 1), gradientFactor: [1, 0.5, 0.01][index % 3]! },
    start,
    state: { p: Float64Array.from(start.data), m: new Float64Array(start.data.length), v: new Float64Array(start.data.length) },
    ...variableOf(start),
    zeros,
    firstMoment: tf.variable(zeros),
    secondMoment: tf.variable(zeros),
  };
}

function adamWFollowsReference(shapesTogether: readonly (readonly number[])[]): void {
  const cases = shapesTogether.map(adamWCase);
  for (let step = 1; step <= 3; step++) {
    const values = cases.map(({ start }) => normal(start.shape, 10 + step));
    const gradients = values.map(toTensor);
    const parameters = cases.map(({ variable, firstMoment, secondMoment, rates }, i) => ({
      parameter: variable, gradient: gradients[i]!, firstMoment, secondMoment, ...rates,
    }));
    adamWUpdate(parameters, { ...settings, step });
    cases.forEach(({ state, rates }, i) => referenceStep(state, values[i]!.data, rates, step));
    gradients.forEach((gradient, i) => expectClose(gradient, values[i]!, { absolute: 0, relative: 0 }));
    tf.dispose(gradients);
  }
  for (const { variable, original, start, state, zeros, firstMoment, secondMoment } of cases) {
    expectClose(variable, state.p, { absolute: 1e-6, relative: 1e-5 });
    expectClose(firstMoment, state.m, { absolute: 1e-6, relative: 1e-5 });
    expectClose(secondMoment, state.v, { absolute: 1e-6, relative: 1e-5 });
    expectClose(original, start, { absolute: 0, relative: 0 });
    expectClose(zeros, new Float64Array(zeros.size), { absolute: 0, relative: 0 });
    tf.dispose([variable, original, firstMoment, secondMoment, zeros]);
  }
}

function emaFollowsReference(): void {
  const teachers = shapes.map((shape, i) => variableOf(normal(shape, 20 + i)));
  const students = shapes.map((shape, i) => variableOf(normal(shape, 30 + i)));
  emaUpdate(teachers.map(({ variable }) => variable), students.map(({ variable }) => variable), 0.9);
  shapes.forEach((shape, i) => {
    const [teacher, student] = [normal(shape, 20 + i), normal(shape, 30 + i)];
    const expected = teacher.data.map((value, j) => 0.9 * value + (1 - 0.9) * student.data[j]!);
    expectClose(teachers[i]!.variable, expected, { absolute: 1e-6, relative: 1e-6 });
    expectClose(teachers[i]!.original, teacher, { absolute: 0, relative: 0 });
    expectClose(students[i]!.variable, student, { absolute: 0, relative: 0 });
  });
  tf.dispose([...teachers, ...students].flatMap(({ variable, original }) => [variable, original]));
}

/** Declares the tests; called inside the suite of a backend. */
export function inPlaceTests(): void {
  it.each([...shapes.map((shape) => [shape]), shapes].map((together) => ({ together })))(
    "adamWUpdate follows AdamW over three steps, shapes $together",
    ({ together }) => {
      expectNoLeaks(() => {
        adamWFollowsReference(together);
        return [];
      });
    },
  );

  it("emaUpdate moves each teacher towards its student, and nothing that shares memory with it", () => {
    expectNoLeaks(() => {
      emaFollowsReference();
      return [];
    });
  });

  it("updates refuse shapes that differ, and whole numbers", () => {
    tf.tidy(() => {
      const [a, b, whole] = [tf.variable(tf.zeros([2])), tf.variable(tf.zeros([3])), tf.variable(tf.zeros([2], "int32"))];
      expect(() => emaUpdate([a], [b], 0.9)).toThrow("one shape");
      expect(() => emaUpdate([a], [whole], 0.9)).toThrow("float32 was expected");
      const adamW = { parameter: a, firstMoment: a, secondMoment: a, learningRate: 0.1, weightDecay: 0 };
      const withGradient = (gradient: tf.Tensor) => adamWUpdate([{ ...adamW, gradient }], { ...settings, step: 1 });
      expect(() => withGradient(b)).toThrow("one shape");
      expect(() => withGradient(whole)).toThrow("float32 was expected");
      tf.dispose([a, b, whole]);
    });
  });

  it("globalNorm is the norm of all elements together, of each group on its own, and 0 of no tensors", () => {
    const parts = shapes.map((shape, i) => normal(shape, 40 + i));
    const norm = (some: readonly Values[]) => Math.sqrt(some.flatMap(({ data }) => [...data]).reduce((sum, value) => sum + value * value, 0));
    expectNoLeaks(() => tf.tidy(() => {
      const all = globalNorm(parts.map(toTensor));
      expect(all.shape).toEqual([]);
      expectClose(all, [norm(parts)], { absolute: 0, relative: 1e-5 });
      const groups = [parts.slice(0, 1), [], parts.slice(1)];
      expectClose(globalNorms(groups.map((group) => group.map(toTensor))), groups.map(norm), { absolute: 0, relative: 1e-5 });
      expectClose(globalNorm([]), [0]);
      return all;
    }));
  });
}
