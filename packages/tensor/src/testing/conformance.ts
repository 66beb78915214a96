// One suite for every backend: each op gives the numbers of its definition, its gradient is the slope of
// that definition, and nothing is left behind. A backend's package calls `describeBackendConformance`.
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "@dinov2/foundation";
import { vectorJacobianProduct } from "../gradients/value-and-gradients.ts";
import { expectClose, expectNoLeaks, float32Tolerance } from "./expectations.ts";
import type { Tolerance } from "./expectations.ts";
import { inPlaceTests } from "./in-place-cases.ts";
import { directionalDerivative, numericalGradient } from "./numerical-gradient.ts";
import type { OpCase } from "./op-case.ts";
import { opCases, wrongDtypes } from "./op-cases.ts";
import { tfCases } from "./tf-cases.ts";
import { normal, sizeOf, toTensor } from "./values.ts";
import type { Values } from "./values.ts";

export interface ConformanceOptions {
  /** Makes the backend current. */
  readonly setUp: () => Promise<unknown>;
  /** Tests that the backend is known to fail, by "op: title", each with the reason. They are reported, and not run. */
  readonly knownGaps?: Readonly<Record<string, string>>;
  /** At least this tolerance for every case, for a backend that computes in reduced precision. */
  readonly tolerance?: Tolerance;
}

/** Above so many elements, or elements times results, a gradient is checked along random directions, not one by one. */
const elementwiseLimit = 150;
const elementwiseWork = 1_000_000;

function toleranceOf(opCase: OpCase, options: ConformanceOptions): Tolerance {
  const [own, least] = [opCase.tolerance ?? float32Tolerance, options.tolerance ?? { absolute: 0, relative: 0 }];
  return { absolute: Math.max(own.absolute, least.absolute), relative: Math.max(own.relative, least.relative) };
}

function checkValues(opCase: OpCase, tolerance: Tolerance): void {
  tf.tidy(() => {
    const inputs = opCase.inputs.map(toTensor);
    const result = opCase.run(...inputs);
    expect(result.shape).toEqual(opCase.shape);
    expect(result.dtype).toBe("float32");
    expectClose(result, opCase.reference(...opCase.inputs.map(({ data }) => data)), tolerance);
    inputs.forEach((input, i) => expectClose(input, opCase.inputs[i]!, { absolute: 0, relative: 0 }));
  });
}

/** Σ cotangent * reference, as a function of one of the inputs. */
function scalarOf(opCase: OpCase, cotangent: Values, index: number): (at: Float64Array) => number {
  return (at) => {
    const result = opCase.reference(...opCase.inputs.map(({ data }, i) => (i === index ? at : data)));
    return result.reduce((sum, value, i) => sum + value * cotangent.data[i]!, 0);
  };
}

function checkGradient(opCase: OpCase, tolerance: Tolerance): void {
  const cotangent = normal(opCase.shape, 77);
  tf.tidy(() => {
    const inputs = opCase.inputs.map(toTensor);
    const gradients = vectorJacobianProduct(() => opCase.run(...inputs), inputs, toTensor(cotangent));
    opCase.inputs.forEach(({ shape, data }, index) => {
      const scalar = scalarOf(opCase, cotangent, index);
      expect(gradients[index]!.shape).toEqual(shape);
      const oneByOne = data.length <= elementwiseLimit && data.length * sizeOf(opCase.shape) <= elementwiseWork;
      if (oneByOne) expectClose(gradients[index]!, numericalGradient(scalar, data), tolerance);
      else checkDirections(gradients[index]!, scalar, data, tolerance);
    });
  });
}

/** Along random directions of length 1, so that an error in any element shows with its share. */
function checkDirections(gradient: tf.Tensor, scalar: (at: Float64Array) => number, at: Float64Array, tolerance: Tolerance): void {
  const random = RandomStream.fromSeed(at.length);
  for (let repeat = 0; repeat < 3; repeat++) {
    const raw = at.map(() => random.normal());
    const length = Math.sqrt(raw.reduce((sum, value) => sum + value * value, 0));
    const direction = raw.map((value) => value / length);
    const along = Float64Array.from(gradient.dataSync()).reduce((sum, value, i) => sum + value * direction[i]!, 0);
    const relative = tolerance.relative * 5;
    expectClose([along], [directionalDerivative(scalar, at, direction)], { absolute: tolerance.absolute * 5, relative });
  }
}

function checkLeaks(opCase: OpCase): void {
  const inputs = opCase.inputs.map(toTensor);
  const cotangent = toTensor(normal(opCase.shape, 77));
  expectNoLeaks(() => opCase.run(...inputs));
  if (opCase.differentiable !== false) {
    expectNoLeaks(() => vectorJacobianProduct(() => opCase.run(...inputs), inputs, cotangent));
    // TF.js' own tape, that code outside the project may use, agrees with ours about what is kept.
    expectNoLeaks(() => tf.grads((...xs: tf.Tensor[]) => opCase.run(...xs))(inputs, cotangent));
  }
  tf.dispose([inputs, cotangent]);
}

function declareCase(opCase: OpCase, options: ConformanceOptions): void {
  const gap = options.knownGaps?.[`${opCase.op}: ${opCase.title}`];
  if (gap) {
    it.skip(`${opCase.title} (known gap: ${gap})`, () => {});
    return;
  }
  const tolerance = toleranceOf(opCase, options);
  it(opCase.title, () => {
    checkValues(opCase, tolerance);
    if (opCase.differentiable !== false && sizeOf(opCase.shape) > 0) checkGradient(opCase, tolerance);
    if (opCase.differentiable !== false && sizeOf(opCase.shape) === 0) checkEmptyGradient(opCase);
    checkLeaks(opCase);
  });
}

/** Of no rows, every gradient is zero, in the shape of its input. */
function checkEmptyGradient(opCase: OpCase): void {
  tf.tidy(() => {
    const inputs = opCase.inputs.map(toTensor);
    const gradients = vectorJacobianProduct(() => opCase.run(...inputs), inputs, tf.zeros([...opCase.shape]));
    gradients.forEach((gradient, i) => {
      expect(gradient.shape).toEqual(opCase.inputs[i]!.shape);
      expectClose(gradient, new Float64Array(gradient.size));
    });
  });
}

/** Declares the suite for one backend under `label`; to be called at the top of a test file. */
export function describeBackendConformance(label: string, options: ConformanceOptions): void {
  describe(`backend ${label}`, () => {
    beforeAll(async () => {
      await options.setUp();
    });
    const cases = [...opCases, ...tfCases];
    for (const op of new Set(cases.map((opCase) => opCase.op))) {
      describe(op, () => cases.filter((opCase) => opCase.op === op).forEach((opCase) => declareCase(opCase, options)));
    }
    describe("in place", inPlaceTests);
    it.each(Object.keys(wrongDtypes))("%s refuses whole numbers", (op) => {
      tf.tidy(() => {
        const whole = tf.tensor2d([1, 2, 3, 4], [2, 2], "int32");
        expect(() => wrongDtypes[op]!(whole)).toThrow(`${op}: an input`);
      });
    });
  });
}
