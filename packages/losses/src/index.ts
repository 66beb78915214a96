export { dinoLoss } from "./dino-loss.ts";
export { ibotLoss, ibotLossOverCrops, maskedPatchWeights } from "./ibot-loss.ts";
export { pairedRowsLoss, type RowPair, type TargetProbabilities } from "./paired-rows-loss.ts";
export { koleoLoss, nearestNeighbours } from "./koleo-loss.ts";
export { centeredSoftmax, initialCenter, updateCenter, updateCenterFrom } from "./centering.ts";
export { sinkhornKnopp } from "./sinkhorn-knopp.ts";
