// Where the maths runs. This package chooses a TF.js backend by name, adds the ops that the method
// needs beyond TF.js, differentiates, and reads and writes safetensors. It knows no model and no loss.
// Next: backends/index.ts (which engine), ops/op.ts (what an op is), gradients/value-and-gradients.ts.
import { registerGradients } from "./gradients/registry.ts";

registerGradients();

export * as tf from "@tensorflow/tfjs-core";
export type {
  Scalar,
  Tensor,
  Tensor1D,
  Tensor2D,
  Tensor3D,
  Tensor4D,
  Tensor5D,
  TensorInfo,
  Variable,
} from "@tensorflow/tfjs-core";
export { InputError, RandomStream, type RandomState } from "@dinov2/foundation";

export * from "./backends/index.ts";
export { currentPrecision, fullPrecision } from "./full-precision.ts";
export { checkpoint, valueAndGradients, vectorJacobianProduct } from "./gradients/value-and-gradients.ts";
export type { LossWithExtras } from "./gradients/value-and-gradients.ts";

export { accumulate } from "./ops/accumulate.ts";
export { adamWUpdate, type AdamWParameter, type AdamWSettings } from "./ops/adamw-update.ts";
export { addResidualSubset } from "./ops/add-residual-subset.ts";
export { blockDiagonalAttention, type Segment } from "./ops/block-diagonal-attention.ts";
export { emaUpdate } from "./ops/ema-update.ts";
export { gatherRows } from "./ops/gather-rows.ts";
export { gelu } from "./ops/gelu.ts";
export { globalNorm, globalNorms } from "./ops/global-norm.ts";
export { l2Normalize } from "./ops/l2-normalize.ts";
export { layerNorm } from "./ops/layer-norm.ts";
export { layerNormLinear, type LinearLayer, type Normalization } from "./ops/layer-norm-linear.ts";
export { layerScaleResidual } from "./ops/layer-scale-residual.ts";
export { linear, type Activation } from "./ops/linear.ts";
export { linearResidual, type ResidualBranchEnd } from "./ops/linear-residual.ts";
export { prototypeCrossEntropy } from "./ops/prototype-cross-entropy.ts";
export { prototypeLoss, prototypeLossRows, type PrototypeLoss, type Prototypes } from "./ops/prototype-loss.ts";
export { prototypeTargets, scaledPrototypes, type ScaledPrototypes } from "./ops/prototype-targets.ts";
export { nearestRows } from "./ops/nearest-rows.ts";
export { roundOperand } from "./ops/round-operand.ts";
export { sinkhornKnopp } from "./ops/sinkhorn-knopp.ts";
export { swiglu } from "./ops/swiglu.ts";
export { weightNorm } from "./ops/weight-norm.ts";

export { float64Tensor, float64Values, runFloat64 } from "./ops/float64.ts";
export { hasFusedKernel, registerFusedKernel } from "./ops/kernels.ts";
export type { KernelAttributes, KernelInputs, KernelName, KernelOutputs, KernelTable } from "./ops/kernels.ts";

export { openSafetensors, readSafetensorsHeader, SafetensorsFile, type SafetensorsInfo } from "./safetensors/reader.ts";
export { safetensorsContent, writeSafetensors, type NamedTensors, type SafetensorsTensor } from "./safetensors/writer.ts";
export type { SafetensorsDtype, TypedArray } from "./safetensors/dtypes.ts";

export { openLayersModel, type LayersModel } from "./layers-model/layers-model.ts";

export { openPth, type PthFile } from "./pth/reader.ts";
export { PthTensor } from "./pth/tensor-layout.ts";
export type { PthValue } from "./pth/unpickle.ts";
