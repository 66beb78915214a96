// The ops that write to variables, against the same steps in float64.
import * as tf from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";
import { adamWUpdate } from "../ops/adamw-update.ts";
import { emaUpdate } from "../ops/ema-update.ts";
import { globalNorm } from "../ops/global-norm.ts";
import { expectClose, expectNoLeaks } from "./expectations.ts";
import { normal, toTensor } from "./values.ts";
import type { Values } from "./values.ts";

const settings = { learningRate: 0.02, weightDecay: 0.3, beta1: 0.9, beta2: 0.99, epsilon: 1e-8 };

/** torch.optim.AdamW, one step, on plain numbers. */
function referenceStep(state: { p: Float64Array; m: Float64Array; v: Float64Array }, gradient: Float64Array, step: number): void {
  const { learningRate, weightDecay, beta1, beta2, epsilon } = settings;
  gradient.forEach((g, i) => {
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

function adamWFollowsReference(shape: readonly number[]): void {
  const start = normal(shape, 1);
  const state = { p: Float64Array.from(start.data), m: new Float64Array(start.data.length), v: new Float64Array(start.data.length) };
  const parameter = variableOf(start);
  const zeros = tf.zeros([...shape]);
  const [firstMoment, secondMoment] = [tf.variable(zeros), tf.variable(zeros)];
  for (let step = 1; step <= 3; step++) {
    const values = normal(shape, 10 + step);
    const gradient = toTensor(values);
    adamWUpdate({ parameter: parameter.variable, gradient, firstMoment, secondMoment, step, ...settings });
    referenceStep(state, values.data, step);
    expectClose(gradient, values, { absolute: 0, relative: 0 });
    gradient.dispose();
  }
  expectClose(parameter.variable, state.p, { absolute: 1e-6, relative: 1e-5 });
  expectClose(firstMoment, state.m, { absolute: 1e-6, relative: 1e-5 });
  expectClose(secondMoment, state.v, { absolute: 1e-6, relative: 1e-5 });
  expectClose(parameter.original, start, { absolute: 0, relative: 0 });
  expectClose(zeros, new Float64Array(zeros.size), { absolute: 0, relative: 0 });
  tf.dispose([parameter.variable, parameter.original, firstMoment, secondMoment, zeros]);
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
  it.each(shapes.map((shape) => ({ shape })))("adamWUpdate follows AdamW over three steps, shape $shape", ({ shape }) => {
    expectNoLeaks(() => {
      adamWFollowsReference(shape);
      return [];
    });
  });

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
      const adamW = { parameter: a, firstMoment: a, secondMoment: a, step: 1, ...settings };
      expect(() => adamWUpdate({ ...adamW, gradient: b })).toThrow("one shape");
      expect(() => adamWUpdate({ ...adamW, gradient: whole })).toThrow("float32 was expected");
      tf.dispose([a, b, whole]);
    });
  });

  it("globalNorm is the norm of all elements together, and 0 of no tensors", () => {
    const parts = shapes.map((shape, i) => normal(shape, 40 + i));
    const squares = parts.flatMap(({ data }) => [...data]).reduce((sum, value) => sum + value * value, 0);
    expectNoLeaks(() => tf.tidy(() => {
      const norm = globalNorm(parts.map(toTensor));
      expect(norm.shape).toEqual([]);
      expectClose(norm, [Math.sqrt(squares)], { absolute: 0, relative: 1e-5 });
      expectClose(globalNorm([]), [0]);
      return norm;
    }));
  });
}
