// Tools for tests, built on vitest: the suite that every backend passes, and the comparisons it is made of.
export { describeBackendConformance, type ConformanceOptions } from "./conformance.ts";
export { expectClose, expectNoLeaks, float32Tolerance, type Tolerance } from "./expectations.ts";
export { directionalDerivative, numericalGradient } from "./numerical-gradient.ts";
export type { OpCase } from "./op-case.ts";
export { blockDiagonalAttention as blockDiagonalAttentionOf, erf } from "./reference.ts";
export { normal, toTensor, uniform, values, type Values } from "./values.ts";
