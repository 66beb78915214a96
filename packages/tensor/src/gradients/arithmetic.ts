import * as tf from "@tensorflow/tfjs-core";
import { product } from "../ops/op.ts";
import { registerShapeGradient } from "./tape.ts";

/** Sums a gradient over the axes along which the operand of `shape` was broadcast. */
function sumTo(gradient: tf.Tensor, shape: readonly number[]): tf.Tensor {
  const axes = tf.broadcast_util.getReductionAxes([...shape], gradient.shape);
  return tf.reshape(axes.length > 0 ? tf.sum(gradient, axes) : gradient, [...shape]);
}

type Partial = (dy: tf.Tensor, a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

function registerBinary(kernelName: string, da: Partial, db: Partial): void {
  tf.registerGradient({
    kernelName,
    inputsToSave: ["a", "b"],
    gradFunc: (dy, [a, b]) => ({
      a: () => sumTo(da(dy as tf.Tensor, a!, b!), a!.shape),
      b: () => sumTo(db(dy as tf.Tensor, a!, b!), b!.shape),
    }),
  });
}

const where = (condition: tf.Tensor, dy: tf.Tensor) => tf.mul(dy, tf.cast(condition, "float32"));

/** dy b a^(b-1). */
const powBase: Partial = (dy, a, b) => tf.mul(dy, tf.mul(b, tf.pow(a, tf.sub(b, 1))));

/** dy a^b ln a, taken as 0 where a <= 0 and the logarithm has no real value. */
const powExponent: Partial = (dy, a, b) => {
  const logarithm = tf.where(tf.greater(a, 0), tf.log(a), tf.zerosLike(a));
  return tf.mul(dy, tf.mul(tf.pow(a, b), logarithm));
};

function registerBinaries(): void {
  registerShapeGradient("Add", ["a", "b"], (dy, [a, b]) => ({ a: () => sumTo(dy, a!), b: () => sumTo(dy, b!) }));
  registerShapeGradient("Sub", ["a", "b"], (dy, [a, b]) => ({ a: () => sumTo(dy, a!), b: () => sumTo(tf.neg(dy), b!) }));
  registerBinary("Multiply", (dy, _a, b) => tf.mul(dy, b), (dy, a) => tf.mul(dy, a));
  registerBinary("RealDiv", (dy, _a, b) => tf.div(dy, b), (dy, a, b) => tf.neg(tf.div(tf.mul(dy, a), tf.square(b))));
  registerBinary("Pow", powBase, powExponent);
  const twice: Partial = (dy, a, b) => tf.mul(dy, tf.mul(tf.sub(a, b), 2));
  registerBinary("SquaredDifference", twice, (dy, a, b) => twice(dy, b, a));
  // At a tie the whole gradient goes to the first operand.
  registerBinary("Maximum", (dy, a, b) => where(tf.greaterEqual(a, b), dy), (dy, a, b) => where(tf.less(a, b), dy));
  registerBinary("Minimum", (dy, a, b) => where(tf.lessEqual(a, b), dy), (dy, a, b) => where(tf.greater(a, b), dy));
}

/** dx = dy slope(x), or slope(y) for those whose slope is a function of the result. */
function registerUnary(kernelName: string, of: "input" | "result", dx: (dy: tf.Tensor, xOrY: tf.Tensor) => tf.Tensor) {
  tf.registerGradient({
    kernelName,
    ...(of === "input" ? { inputsToSave: ["x"] } : { outputsToSave: [true] }),
    gradFunc: (dy, [saved]) => ({ x: () => dx(dy as tf.Tensor, saved!) }),
  });
}

function registerUnaries(): void {
  registerUnary("Abs", "input", (dy, x) => tf.mul(dy, tf.sign(x)));
  registerUnary("Cos", "input", (dy, x) => tf.neg(tf.mul(dy, tf.sin(x))));
  registerUnary("Erf", "input", (dy, x) => tf.mul(dy, tf.mul(tf.exp(tf.neg(tf.square(x))), 2 / Math.sqrt(Math.PI))));
  registerUnary("Exp", "result", (dy, y) => tf.mul(dy, y));
  registerUnary("Expm1", "result", (dy, y) => tf.mul(dy, tf.add(y, 1)));
  registerUnary("Log", "input", (dy, x) => tf.div(dy, x));
  registerUnary("Log1p", "input", (dy, x) => tf.div(dy, tf.add(x, 1)));
  registerUnary("Reciprocal", "result", (dy, y) => tf.neg(tf.mul(dy, tf.square(y))));
  registerUnary("Relu", "input", (dy, x) => where(tf.greater(x, 0), dy));
  registerUnary("Rsqrt", "result", (dy, y) => tf.mul(dy, tf.mul(tf.mul(tf.square(y), y), -0.5)));
  registerUnary("Sigmoid", "result", (dy, y) => tf.mul(dy, tf.mul(y, tf.sub(1, y))));
  registerUnary("Sin", "input", (dy, x) => tf.mul(dy, tf.cos(x)));
  registerUnary("Softplus", "input", (dy, x) => tf.mul(dy, tf.sigmoid(x)));
  registerUnary("Sqrt", "result", (dy, y) => tf.div(dy, tf.mul(y, 2)));
  registerUnary("Square", "input", (dy, x) => tf.mul(dy, tf.mul(x, 2)));
  registerUnary("Tanh", "result", (dy, y) => tf.mul(dy, tf.sub(1, tf.square(y))));
  tf.registerGradient({ kernelName: "Neg", gradFunc: (dy) => ({ x: () => tf.neg(dy as tf.Tensor) }) });
  tf.registerGradient({ kernelName: "Identity", gradFunc: (dy) => ({ x: () => tf.clone(dy as tf.Tensor) }) });
  tf.registerGradient({ kernelName: "Cast", gradFunc: (dy) => ({ x: () => tf.clone(dy as tf.Tensor) }) });
}

function registerClip(): void {
  tf.registerGradient({
    kernelName: "ClipByValue",
    inputsToSave: ["x"],
    gradFunc: (dy, [x], attributes) => {
      const { clipValueMin, clipValueMax } = attributes as unknown as { clipValueMin: number; clipValueMax: number };
      const inside = () => tf.logicalAnd(tf.greaterEqual(x!, clipValueMin), tf.lessEqual(x!, clipValueMax));
      return { x: () => where(inside(), dy as tf.Tensor) };
    },
  });
}

function registerSelect(): void {
  tf.registerGradient({
    kernelName: "Select",
    inputsToSave: ["condition"],
    gradFunc: (dy, [condition]) => ({
      condition: () => tf.zeros(condition!.shape),
      t: () => where(condition!, dy as tf.Tensor),
      e: () => where(tf.logicalNot(condition!), dy as tf.Tensor),
    }),
  });
}

/** Products over batched matrices; the batch axes of one operand may be broadcast. */
function registerBatchMatMul(): void {
  tf.registerGradient({
    kernelName: "BatchMatMul",
    inputsToSave: ["a", "b"],
    gradFunc: (gradient, [a, b], attributes) => {
      const dy = gradient as tf.Tensor;
      const { transposeA, transposeB } = attributes as unknown as { transposeA: boolean; transposeB: boolean };
      const da = () => (transposeA ? product(b!, dy, transposeB, true) : product(dy, b!, false, !transposeB));
      const db = () => (transposeB ? product(dy, a!, true, transposeA) : product(a!, dy, !transposeA));
      return { a: () => sumTo(da(), a!.shape), b: () => sumTo(db(), b!.shape) };
    },
  });
}

export function registerArithmetic(): void {
  registerBinaries();
  registerUnaries();
  registerClip();
  registerSelect();
  registerBatchMatMul();
  registerShapeGradient("AddN", "all", (dy, shapes) => Object.fromEntries(shapes.map((_, i) => [i, () => tf.clone(dy)])));
}
