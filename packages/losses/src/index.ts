export { dinoLoss } from "./dino-loss.ts";
export { ibotLoss, ibotLossOverCrops, maskedPatchWeights } from "./ibot-loss.ts";
export { koleoLoss, nearestNeighbours } from "./koleo-loss.ts";
export { centeredSoftmax, initialCenter, updateCenter } from "./centering.ts";
export { sinkhornKnopp } from "./sinkhorn-knopp.ts";
