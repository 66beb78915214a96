// Gradients of the TF.js ops that this project uses. tfjs-core brings gradients only as a set of files
// that Node cannot import (extension-less ES modules beside a CommonJS build) and that load a second copy
// of the ops; on wasm some of them are missing kernels, and products run with transposed operands at a tenth
// of the speed. These use only kernels that every backend has. An op without an entry fails by name
// when it is differentiated.
import * as tf from "@tensorflow/tfjs-core";
import { registerArithmetic } from "./arithmetic.ts";
import { registerReductions } from "./reductions.ts";
import { registerShapeMoves } from "./shape-moves.ts";
import { registerShapeGradient } from "./tape.ts";

/** Ops whose result does not move with a small move of the input, by the names of their inputs. */
const steps: Readonly<Record<string, readonly string[]>> = {
  ArgMax: ["x"], ArgMin: ["x"], Ceil: ["x"], Floor: ["x"], Round: ["x"], Sign: ["x"], Step: ["x"],
  OnesLike: ["x"], ZerosLike: ["x"], OneHot: ["indices"], LogicalNot: ["x"], LogicalAnd: ["a", "b"],
  LogicalOr: ["a", "b"], Equal: ["a", "b"], NotEqual: ["a", "b"], Greater: ["a", "b"],
  GreaterEqual: ["a", "b"], Less: ["a", "b"], LessEqual: ["a", "b"],
};

function registerSteps(): void {
  for (const [kernelName, inputs] of Object.entries(steps)) {
    registerShapeGradient(kernelName, inputs, (_dy, shapes) =>
      Object.fromEntries(inputs.map((input, i) => [input, () => tf.zeros(shapes[i]!)])));
  }
}

/** Registers every gradient; called once, when the package loads. */
export function registerGradients(): void {
  registerArithmetic();
  registerReductions();
  registerShapeMoves();
  registerSteps();
}
