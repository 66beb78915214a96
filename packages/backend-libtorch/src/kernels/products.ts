// Products of matrices: native/kernels/products.cc.
import { activationAttributes } from "./activation.ts";
import { type KernelBodies, one } from "./kernel.ts";

export const productKernels: KernelBodies = {
  BatchMatMul: (backend, { a, b }, { transposeA, transposeB }) =>
    one(backend.run("BatchMatMul", [a, b], [transposeA as boolean, transposeB as boolean])),
  Einsum: (backend, inputs, { equation }) =>
    one(backend.run("Einsum", Object.values(inputs), [Array.from(equation as string, (character) => character.charCodeAt(0))])),
  _FusedMatMul: (backend, { a, b, bias, preluActivationWeights }, attributes) => {
    const { transposeA, transposeB } = attributes as { transposeA: boolean; transposeB: boolean };
    return one(backend.run("_FusedMatMul", [a, b, bias, preluActivationWeights], [transposeA, transposeB, ...activationAttributes(attributes)]));
  },
};
