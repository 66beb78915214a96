// Every kernel that the wasm backend runs, each called as kernel(arguments, chunk, scratch); arguments.ts says how.
export { attention, attentionGrad } from "./attention";
export { addPartials, columnSums } from "./columns";
export { exponential, gelu, geluGrad } from "./gelu";
export { layerNorm, layerNormGrad } from "./layer-norm";
export { batchProduct, packRight, product } from "./product";
export { columnMaxima, crossEntropy, crossEntropyGrad, maximumOfPartials, reciprocalSums, sinkhornStart, sinkhornSweep } from "./prototypes";
export { addSubset, addSubsetGrad, layerScale, layerScaleGrad } from "./residual";
export { copy, gatherRows, normalizeRows, normalizeRowsGrad, scatterRows, transpose, weightNormGrad } from "./rows";
export { swiglu, swigluGrad } from "./swiglu";
export { adamW, ema, squareSums } from "./update";
