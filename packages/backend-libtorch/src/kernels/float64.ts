// Logistic regression in float64: native/kernels/softmax-regression.cc, centred-gram.cc and cholesky.cc.
import type { KernelBodies } from "./kernel.ts";

export const float64Kernels: KernelBodies = {
  SoftmaxRegression: (backend, { x, labels, mean, weights }) => backend.run("SoftmaxRegression", [x, labels, mean, weights]),
  CentredGram: (backend, { x, mean }) => backend.run("CentredGram", [x, mean]),
  CholeskyFactor: (backend, { matrix }, { scale, added }) => backend.run("CholeskyFactor", [matrix], [scale as number, added as Float64Array]),
  CholeskySolve: (backend, { lower, right }) => backend.run("CholeskySolve", [lower, right]),
};
