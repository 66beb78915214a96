// Reductions over axes: native/kernels/reductions.cc. Over no axes nothing is reduced, and the memory is shared.
import { tf } from "@dinov2/tensor";
import { castTo } from "./selection.ts";
import { type KernelBodies, type KernelBody, kernelsNamed, one } from "./kernel.ts";

type Axes = number | number[];

/** @param dtypeOf of the result, by that of what is reduced */
const reduction = (name: string, axesName: string, dtypeOf: (dtype: tf.DataType) => tf.DataType): KernelBody =>
  (backend, { x }, attributes) => {
    const axes = tf.util.parseAxisParam(attributes[axesName] as Axes, x!.shape);
    if (axes.length === 0) return castTo(backend, x!, dtypeOf(x!.dtype));
    return one(backend.run(name, [x], [axes, attributes["keepDims"] as boolean]));
  };

const same = (dtype: tf.DataType) => dtype;
const countable = (dtype: tf.DataType) => (dtype === "bool" ? "int32" : dtype);

export const reductionKernels: KernelBodies = {
  ...kernelsNamed(["All", "Any", "Min"], (name) => reduction(name, "axis", same)),
  ...kernelsNamed(["Sum", "Prod"], (name) => reduction(name, "axis", countable)),
  Max: reduction("Max", "reductionIndices", same),
  Mean: reduction("Mean", "axis", () => "float32"),
  ...kernelsNamed(["ArgMax", "ArgMin"], (name) => (backend, { x }, { axis }) =>
    one(backend.run(name, [x], [tf.util.parseAxisParam(axis as Axes, x!.shape)[0]!]))),
};
