// The contract between the ops and the engines: every fused kernel a backend may register, with its
// inputs, attributes and outputs. Where a backend has none, the portable definition with the same
// inputs, attributes and outputs runs instead, so a backend may register any subset.
//
// Legend: R rows (all leading dimensions folded), D width, I/O input and output width, H hidden
// width, K prototypes (or kept samples, in the subset kernels), T tokens of all sequences, B images,
// N tokens per image. No size is ever 0: tensors without elements take the portable definition.
// Everything is float32, row-major, contiguous; inputs are never written to, except by the in-place
// kernels at the end, and where a kernel says so.
import * as tf from "@tensorflow/tfjs-core";

type Info = tf.TensorInfo;

/** `count` sequences of `length` tokens each, one after the other. */
export interface Segment {
  readonly count: number;
  readonly length: number;
}

type None = Record<never, never>;

interface Overwriting {
  /** The caller needs dy no more: the first output may take its memory where no other tensor shares it. */
  readonly overwriteDy?: boolean;
}

export interface KernelTable {
  /** y = (x - mean) * rstd * weight + bias, mean and variance (biased) over D, rstd = 1 / sqrt(variance + epsilon). */
  LayerNormFused: {
    inputs: { x: Info /* [R,D] */; weight: Info /* [D] */; bias: Info /* [D] */ };
    attributes: { epsilon: number };
    outputs: [y: Info /* [R,D] */, mean: Info /* [R] */, rstd: Info /* [R] */];
  };
  LayerNormFusedGrad: {
    inputs: { dy: Info /* [R,D] */; x: Info; weight: Info; mean: Info; rstd: Info };
    attributes: None;
    outputs: [dx: Info /* [R,D] */, dWeight: Info /* [D] */, dBias: Info /* [D] */];
  };

  /** y = activation(x weightᵀ + bias); "gelu" is the exact one. The pre-activation is an output only under "gelu". */
  LinearFused: {
    inputs: { x: Info /* [R,I] */; weight: Info /* [O,I] */; bias?: Info /* [O] */ };
    attributes: { activation: "none" | "gelu" };
    outputs: [y: Info /* [R,O] */, preActivation?: Info /* [R,O] */];
  };
  /** `preActivation` comes only under "gelu"; dBias is given only when `hasBias`. */
  LinearFusedGrad: {
    inputs: { dy: Info /* [R,O] */; x: Info; weight: Info; preActivation?: Info };
    attributes: { activation: "none" | "gelu"; hasBias: boolean };
    outputs: [dx: Info /* [R,I] */, dWeight: Info /* [O,I] */, dBias?: Info /* [O] */];
  };

  /** y = x as products round it, and stored as they read it. No gradient. */
  RoundOperand: { inputs: { x: Info }; attributes: None; outputs: [y: Info] };

  /**
   * The gradients of the parameters of gamma (x weightᵀ + bias), from products = dyᵀ x and sums = Σ dy over rows:
   * dWeight = gamma products, dGamma = Σ_i weight products + bias sums, dBias = gamma sums. sums, bias and dBias come together.
   */
  ScaledLinearGrad: {
    inputs: { products: Info /* [O,I] */; weight: Info; gamma: Info /* [O] */; sums?: Info /* [O] */; bias?: Info /* [O] */ };
    attributes: None;
    outputs: [dWeight: Info /* [O,I] */, dGamma: Info /* [O] */, dBias?: Info /* [O] */];
  };

  /** y = x/2 (1 + erf(x / sqrt 2)), elementwise, any shape. */
  GeluFused: { inputs: { x: Info }; attributes: None; outputs: [y: Info] };
  GeluFusedGrad: { inputs: { dy: Info; x: Info }; attributes: Overwriting; outputs: [dx: Info] };

  /** y = silu(x[:, :H]) * x[:, H:]. */
  SwigluFused: { inputs: { x: Info /* [R,2H] */ }; attributes: None; outputs: [y: Info /* [R,H] */] };
  SwigluFusedGrad: {
    inputs: { dy: Info /* [R,H] */; x: Info /* [R,2H] */ };
    attributes: None;
    outputs: [dx: Info /* [R,2H] */];
  };

  /**
   * Per sequence and head: softmax(q kᵀ / sqrt(d)) v. Rows are the segments in order; the columns of
   * `qkv` are [q of all heads | k | v], d = D / heads. logSumExp [heads,T] is of the scaled scores.
   */
  BlockDiagonalAttention: {
    inputs: { qkv: Info /* [T,3D] */ };
    attributes: { segments: readonly Segment[]; heads: number };
    outputs: [output: Info /* [T,D] */, logSumExp: Info /* [heads,T] */];
  };
  BlockDiagonalAttentionGrad: {
    inputs: { dy: Info /* [T,D] */; qkv: Info; output: Info; logSumExp: Info };
    attributes: { segments: readonly Segment[]; heads: number };
    outputs: [dQkv: Info /* [T,3D] */];
  };

  /** y = x + residual * gamma. (Without gamma the op is a plain addition and no kernel is asked.) */
  LayerScaleResidual: {
    inputs: { x: Info /* [R,D] */; residual: Info /* [R,D] */; gamma: Info /* [D] */ };
    attributes: None;
    outputs: [y: Info /* [R,D] */];
  };
  /** The gradient of x is dy itself. */
  LayerScaleResidualGrad: {
    inputs: { dy: Info /* [R,D] */; residual: Info; gamma: Info };
    attributes: None;
    outputs: [dResidual: Info /* [R,D] */, dGamma: Info /* [D] */];
  };

  /** y = x, and y[indices[k]] += scales[k] * gamma * residual[k]. Indices are distinct and in range (checked by the op). */
  AddResidualSubset: {
    inputs: { x: Info /* [B,N,D] */; residual: Info /* [K,N,D] */; gamma?: Info /* [D] */ };
    attributes: { indices: Int32Array; scales: Float32Array };
    outputs: [y: Info /* [B,N,D] */];
  };
  /** The gradient of x is dy itself. dGamma is given only when gamma came. */
  AddResidualSubsetGrad: {
    inputs: { dy: Info /* [B,N,D] */; residual: Info; gamma?: Info };
    attributes: { indices: Int32Array; scales: Float32Array };
    outputs: [dResidual: Info /* [K,N,D] */, dGamma?: Info /* [D] */];
  };

  /** y[k] = x[indices[k]]; indices may repeat, are in range (checked by the op). */
  GatherRows: {
    inputs: { x: Info /* [R,C] */ };
    attributes: { indices: Int32Array };
    outputs: [y: Info /* [K,C] */];
  };
  /** y[k] = scales[k] x[indices[k]], with the indices of GatherRows. */
  GatherRowsScaled: {
    inputs: { x: Info /* [R,C] */ };
    attributes: { indices: Int32Array; scales: Float32Array };
    outputs: [y: Info /* [K,C] */];
  };
  /** dx = 0, and dx[indices[k]] += dy[k]. */
  GatherRowsGrad: {
    inputs: { dy: Info /* [K,C] */ };
    attributes: { indices: Int32Array; rows: number };
    outputs: [dx: Info /* [rows,C] */];
  };

  /** y = x / max(norm, epsilon), norm = ||x||_2 of each row (not clamped). */
  L2Normalize: {
    inputs: { x: Info /* [R,D] */ };
    attributes: { epsilon: number };
    outputs: [y: Info /* [R,D] */, norm: Info /* [R] */];
  };
  /** dx = (dy - y (y·dy)) / norm where norm >= epsilon, and dy / epsilon elsewhere. */
  L2NormalizeGrad: {
    inputs: { dy: Info /* [R,D] */; y: Info; norm: Info };
    attributes: { epsilon: number };
    outputs: [dx: Info /* [R,D] */];
  };

  /** w = g v / norm, norm = ||v||_2 of each row. */
  WeightNorm: {
    inputs: { v: Info /* [K,D] */; g: Info /* [K,1] */ };
    attributes: None;
    outputs: [w: Info /* [K,D] */, norm: Info /* [K] */];
  };
  WeightNormGrad: {
    inputs: { dy: Info /* [K,D] */; v: Info; g: Info; norm: Info };
    attributes: Overwriting;
    outputs: [dv: Info /* [K,D] */, dg: Info /* [K,1] */];
  };
  /** scale = g / norm, norm = ||v||_2 of each row: w is v times `scale`, for kernels that apply it on the way. */
  WeightNormScale: {
    inputs: { v: Info /* [K,D] */; g: Info /* [K,1] */ };
    attributes: None;
    outputs: [scale: Info /* [K] */, norm: Info /* [K] */];
  };

  /** loss = -Σ_k teacher log_softmax(student / temperature); logSumExp is of student / temperature, mass = Σ_k teacher. */
  PrototypeCrossEntropy: {
    inputs: { student: Info /* [R,K] */; teacher: Info /* [R,K] */ };
    attributes: { temperature: number };
    outputs: [loss: Info /* [R] */, logSumExp: Info /* [R] */, mass: Info /* [R] */];
  };
  /**
   * dStudent = dy / temperature * (mass softmax(student / temperature) - teacher). The teacher gets none. May be written
   * over `student` when the tape's is the only reference to it, as it is the last to read it.
   */
  PrototypeCrossEntropyGrad: {
    inputs: { dy: Info /* [R] */; student: Info; teacher: Info; logSumExp: Info; mass: Info };
    attributes: { temperature: number };
    outputs: [dStudent: Info /* [R,K] */];
  };

  /** probabilities = softmax((scale * (x vᵀ) - center) / temperature) over the prototypes. No gradient. */
  PrototypeTargets: {
    inputs: { x: Info /* [R,D] */; v: Info /* [K,D] */; scale: Info /* [K] */; center: Info /* [K] */ };
    attributes: { temperature: number };
    outputs: [probabilities: Info /* [R,K] */];
  };
  /**
   * losses = -weights Σ_k teacher log_softmax(scale * (x vᵀ) / temperature) and, with `gradient`, the gradients of their sum: dx, and
   * the one of v at constant scale added to `dV`, which may be written over it when the caller's is the only reference to it.
   */
  PrototypeLoss: {
    inputs: {
      x: Info /* [R,D] */;
      v: Info /* [K,D] */;
      scale: Info /* [K] */;
      teacher: Info /* [R,K] */;
      weights: Info /* [R] */;
      dV?: Info /* [K,D] */;
    };
    attributes: { temperature: number; gradient: boolean };
    outputs: [losses: Info /* [R] */, dx?: Info /* [R,D] */, dV?: Info /* [K,D] */];
  };

  /** Sinkhorn-Knopp as `sinkhornKnopp` defines it. No gradient. */
  SinkhornKnopp: {
    inputs: { logits: Info /* [R,K] */ };
    attributes: { temperature: number; iterations: number };
    outputs: [assignment: Info /* [R,K] */];
  };

  /**
   * The k largest of queries bankᵀ in each row, in falling order, with their columns; -Infinity and -1 where they are not above
   * the row's floor. In float32 in every precision. No gradient.
   */
  NearestRows: {
    inputs: { queries: Info /* [Q,D] */; bank: Info /* [N,D] */; floors: Info /* [Q] */ };
    attributes: { k: number };
    outputs: [similarities: Info /* [Q,k] */, rows: Info /* int32 [Q,k] */];
  };

  /**
   * These four are in float64, which TF.js has not: `float64Tensor` and `float64Values` of float64.ts. Where a backend has none of
   * them, who needs them computes in TypeScript; ask `hasFusedKernel`. No gradients. M = D + 1, the last column one of ones.
   *
   * Of rows x - mean: sums = [Σ cross-entropy(weights x, label), Σ 1 - Σ_k p²], and the gradient of the first by the weights.
   */
  SoftmaxRegression: {
    inputs: { x: Info /* [R,D] */; labels: Info /* int32 [R], below K */; mean: Info /* float64 [D] */; weights: Info /* float64 [K,M] */ };
    attributes: None;
    outputs: [sums: Info /* float64 [2] */, gradient: Info /* float64 [K,M] */];
  };
  /** XᵀX of the rows x - mean. */
  CentredGram: {
    inputs: { x: Info /* [R,D] */; mean: Info /* float64 [D] */ };
    attributes: None;
    outputs: [gram: Info /* float64 [M,M] */];
  };
  /** L Lᵀ = scale matrix + diag(added), of which the lower triangle is there. @throws where that is not positive definite */
  CholeskyFactor: {
    inputs: { matrix: Info /* float64 [M,M] */ };
    attributes: { scale: number; added: Float64Array /* [M] */ };
    outputs: [lower: Info /* float64 [M,M] */];
  };
  /** The rows y of L Lᵀ y = right. */
  CholeskySolve: {
    inputs: { lower: Info /* float64 [M,M] */; right: Info /* float64 [R,M] */ };
    attributes: None;
    outputs: [solution: Info /* float64 [R,M] */];
  };

  /** The norm of each group of inputs: Σ of the squares of their elements, then the square root. `counts` inputs in turn make a group. */
  GlobalNorm: { inputs: readonly Info[]; attributes: { counts: readonly number[] }; outputs: [norms: Info /* [groups] */] };

  /**
   * In place: writes parameters and moments (each four of one shape), gives no output; inputs are [parameter0, gradient0,
   * firstMoment0, secondMoment0, parameter1, …]. The op passes only memory that no other tensor shares. A gradient counts
   * gradientFactor times. corrections are 1 - beta1^step and 1 - beta2^step.
   */
  AdamWUpdate: {
    inputs: readonly Info[];
    attributes: {
      /** These three: one number for each parameter. */
      learningRates: readonly number[];
      weightDecays: readonly number[];
      gradientFactors: readonly number[];
      beta1: number;
      beta2: number;
      epsilon: number;
      firstCorrection: number;
      secondCorrection: number;
    };
    outputs: [];
  };
  /** In place: sum += term, of one shape. */
  AddInPlace: { inputs: { sum: Info; term: Info }; attributes: None; outputs: [] };
  /** In place: teacher = momentum teacher + (1 - momentum) student, for each pair; inputs are [teacher0, student0, teacher1, …]. */
  EmaUpdate: { inputs: readonly Info[]; attributes: { momentum: number }; outputs: [] };
}

export type KernelName = keyof KernelTable;
export type KernelInputs<Name extends KernelName> = KernelTable[Name]["inputs"];
export type KernelAttributes<Name extends KernelName> = KernelTable[Name]["attributes"];
export type KernelOutputs<Name extends KernelName> = KernelTable[Name]["outputs"];

/**
 * Registers a backend's own implementation of a fused kernel.
 * @param run takes tensors of the backend, and returns the outputs in the table's order (data ids of the backend).
 */
export function registerFusedKernel<Name extends KernelName, Backend extends tf.KernelBackend>(
  kernelName: Name,
  backendName: string,
  run: (inputs: KernelInputs<Name>, attributes: KernelAttributes<Name>, backend: Backend) => KernelOutputs<Name>,
): void {
  tf.registerKernel({
    kernelName,
    backendName,
    kernelFunc: ({ inputs, attrs, backend }) =>
      run(inputs as KernelInputs<Name>, attrs as KernelAttributes<Name>, backend as Backend) as tf.TensorInfo[],
  });
}

/** True when the current backend has its own implementation of `kernelName`. */
export function hasFusedKernel(kernelName: KernelName): boolean {
  return tf.getKernel(kernelName, tf.getBackend()) !== undefined;
}
