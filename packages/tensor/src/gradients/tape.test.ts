import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend, valueAndGradients, vectorJacobianProduct } from "../index.ts";
import { expectClose, normal, numericalGradient, toTensor, type Values } from "../testing/index.ts";
import { broadcastShape, flatIndex, positions } from "../testing/indexing.ts";
import { expectEqualTensorCounts } from "../testing/tensor-counts.ts";

beforeAll(() => useBackend({ name: "cpu" }));

expectEqualTensorCounts();

const shapes = [[[2, 3], [2, 3]], [[2, 3], [3]], [[3], [2, 3]], [[2, 3], []], [[], [1]], [[1], []], [[2, 1], [1, 3]], [[], []]] as const;

/** Ops whose gradients need no more of the operands than their shapes. */
const ops = [
  { name: "add", run: tf.add, define: (a: number, b: number) => a + b },
  { name: "sub", run: tf.sub, define: (a: number, b: number) => a - b },
] as const;

/** The gradients of Σ dy define(a, b) with respect to a and b. */
function gradientsOf(define: (a: number, b: number) => number, a: Values, b: Values, dy: Values): Float64Array[] {
  const sum = (x: Float64Array, y: Float64Array) =>
    Array.from(positions(dy.shape)).reduce((total, at, i) => total + dy.data[i]! * define(x[flatIndex(a.shape, at)]!, y[flatIndex(b.shape, at)]!), 0);
  return [numericalGradient((x) => sum(x, b.data), a.data), numericalGradient((y) => sum(a.data, y), b.data)];
}

describe("gradients that need shapes alone", () => {
  for (const { name, run, define } of ops) {
    it.each(shapes)(`tf.${name}: [%s] with [%s], on our tape and on that of TF.js`, (shapeA, shapeB) => {
      const [a, b, dy] = [normal(shapeA, 1), normal(shapeB, 2), normal(broadcastShape(shapeA, shapeB), 3)];
      const expected = gradientsOf(define, a, b, dy);
      tf.tidy(() => {
        const [x, y, seed] = [toTensor(a), toTensor(b), toTensor(dy)];
        const ours = vectorJacobianProduct(() => run(x, y), [x, y], seed);
        const theirs = tf.grads((...xs: tf.Tensor[]) => run(xs[0]!, xs[1]!))([x, y], seed);
        for (const found of [ours, theirs]) {
          expect(found.map(({ shape }) => shape)).toEqual([shapeA, shapeB]);
          found.forEach((gradient, i) => expectClose(gradient, expected[i]!));
        }
      });
    });
  }

  it("add up where both operands are one tensor", () => {
    tf.tidy(() => {
      const [x, dy] = [toTensor(normal([2, 3], 1)), toTensor(normal([2, 3], 2))];
      expectClose(vectorJacobianProduct(() => tf.add(x, x), [x], dy)[0]!, tf.mul(dy, 2));
      expectClose(vectorJacobianProduct(() => tf.sub(x, x), [x], dy)[0]!, tf.zerosLike(dy));
      expectClose(vectorJacobianProduct(() => tf.addN([x, x, x]), [x], dy)[0]!, tf.mul(dy, 3));
    });
  });

  it("flow past an operand of whole numbers", () => {
    tf.tidy(() => {
      const [x, whole, dy] = [toTensor(normal([2, 3], 1)), tf.tensor1d([1, 2, 3], "int32"), toTensor(normal([2, 3], 2))];
      expectClose(vectorJacobianProduct(() => tf.sub(whole, x), [x], dy)[0]!, tf.neg(dy));
      expectClose(vectorJacobianProduct(() => tf.add(x, whole), [x], dy)[0]!, dy);
    });
  });

  it("are tensors of their own: one disposed of leaves the others", () => {
    const [x, y, dy] = [toTensor(normal([3], 1)), toTensor(normal([3], 2)), toTensor(normal([3], 3))];
    const [dx, dySame, dz] = vectorJacobianProduct(() => tf.add(tf.add(x, y), tf.reshape(x, [3])), [x, y, y], dy);
    dx!.dispose();
    expectClose(dySame!, dy);
    expectClose(dz!, dy);
    tf.dispose([x, y, dy, dySame!, dz!]);
  });
});

describe("our tape", () => {
  it("keeps nothing for the shape of an operand", () => {
    const w = tf.tidy(() => tf.variable(toTensor(normal([2, 3], 1))));
    const { value, gradients } = valueAndGradients(() => {
      const before = tf.memory().numTensors;
      const sum = tf.sum(tf.add(w, w));
      expect(tf.memory().numTensors).toBe(before + 2);
      return sum as tf.Scalar;
    }, new Map([["w", w]]));
    tf.dispose([w, value, ...gradients.values()]);
  });

  it("is one that TF.js can differentiate on: a gradient of a gradient", () => {
    const x = tf.tidy(() => tf.variable(tf.tensor1d([1, 2, 3])));
    const cubes = (t: tf.Tensor) => tf.sum(tf.mul(tf.add(t, 1), tf.square(tf.sub(t, tf.scalar(1)))));
    // (t + 1)(t - 1)² has the first derivative (t - 1)(3 t + 1) and the second 6 t - 2.
    const { value, gradients } = valueAndGradients(() => tf.sum(tf.grad(cubes)(x)) as tf.Scalar, new Map([["x", x]]));
    expectClose(value, [0 + 7 + 20]);
    expectClose(gradients.get("x")!, [4, 10, 16]);
    const theirs = tf.tidy(() => tf.grad((t: tf.Tensor) => tf.grad(cubes)(t))(x));
    expectClose(theirs, [4, 10, 16]);
    tf.dispose([x, value, ...gradients.values(), theirs]);
  });

  it("takes what a gradient function hands out without disposing of what is not its own", () => {
    const [x, y, constant] = [toTensor(normal([2], 1)), toTensor(normal([2], 2)), tf.tensor1d([5, 7])];
    const product = tf.customGrad((...inputs) => {
      const [a, b] = inputs as [tf.Tensor, tf.Tensor];
      return { value: tf.mul(a, b), gradFunc: (dy) => (tf.mul(dy, 2), [constant, constant]) };
    });
    const [dx, dy] = vectorJacobianProduct(() => product(x, y), [x, y], constant);
    tf.dispose([dx!, dy!]);
    expectClose(constant, [5, 7]);
    tf.dispose([x, y, constant]);
  });
});
