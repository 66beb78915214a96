import * as tf from "@tensorflow/tfjs-core";
import { registerShapeGradient } from "./tape.ts";

/** The shape after a reduction that keeps the reduced axes with size 1. */
function keptShape(shape: readonly number[], axes: readonly number[]): number[] {
  return shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
}

/** A gradient of the reduced tensor, repeated along the reduced axes. */
function spread(dy: tf.Tensor, shape: readonly number[], axes: readonly number[]): tf.Tensor {
  return tf.mul(tf.reshape(dy, keptShape(shape, axes)), tf.ones([...shape]));
}

function registerSums(kernelName: "Sum" | "Mean"): void {
  registerShapeGradient(kernelName, ["x"], (dy, [shape], attributes) => {
    const { axis } = attributes as unknown as { axis: number | number[] };
    const axes = tf.util.parseAxisParam(axis, shape!);
    const count = kernelName === "Mean" ? axes.reduce((product, i) => product * shape![i]!, 1) : 1;
    return { x: () => spread(count === 1 ? dy : tf.div(dy, count), shape!, axes) };
  });
}

/** Every element that equals the extremum gets the gradient, as in TF.js. */
function registerExtrema(kernelName: "Max" | "Min", axisName: "reductionIndices" | "axis"): void {
  tf.registerGradient({
    kernelName,
    inputsToSave: ["x"],
    outputsToSave: [true],
    gradFunc: (dy, [x, y], attributes) => {
      const axes = tf.util.parseAxisParam(attributes[axisName] as number | number[], x!.shape);
      const isExtremum = () => tf.cast(tf.equal(x!, tf.reshape(y!, keptShape(x!.shape, axes))), "float32");
      return { x: () => tf.mul(tf.reshape(dy as tf.Tensor, keptShape(x!.shape, axes)), isExtremum()) };
    },
  });
}

export function registerReductions(): void {
  registerSums("Sum");
  registerSums("Mean");
  registerExtrema("Max", "reductionIndices");
  registerExtrema("Min", "axis");
  tf.registerGradient({
    kernelName: "Softmax",
    outputsToSave: [true],
    gradFunc: (dy, [y], attributes) => {
      const weighted = tf.mul(dy as tf.Tensor, y!);
      return { logits: () => tf.sub(weighted, tf.mul(tf.sum(weighted, attributes.dim as number, true), y!)) };
    },
  });
  tf.registerGradient({
    kernelName: "Cumsum",
    gradFunc: (dy, _saved, attributes) => {
      const { axis, exclusive, reverse } = attributes as unknown as { axis: number; exclusive: boolean; reverse: boolean };
      return { x: () => tf.cumsum(dy as tf.Tensor, axis, exclusive, !reverse) };
    },
  });
}
