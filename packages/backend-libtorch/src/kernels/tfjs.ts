// The kernels that TF.js programs call, whatever they do: one file a kind, whose first line names the files of native/kernels that it calls.
import { batchNormKernels } from "./batch-norm.ts";
import { binaryKernels } from "./binary.ts";
import { blockKernels } from "./blocks.ts";
import { comparisonKernels } from "./comparison.ts";
import { convolutionKernels } from "./convolution.ts";
import { creationKernels } from "./creation.ts";
import { cumulativeKernels } from "./cumulative.ts";
import { imageKernels } from "./image.ts";
import { indexingKernels } from "./indexing.ts";
import type { KernelBodies } from "./kernel.ts";
import { moveKernels } from "./moves.ts";
import { poolingKernels } from "./pooling.ts";
import { productKernels } from "./products.ts";
import { reductionKernels } from "./reductions.ts";
import { selectionKernels } from "./selection.ts";
import { shapeKernels } from "./shape.ts";
import { softmaxKernels } from "./softmax.ts";
import { unaryKernels } from "./unary.ts";

export const tfjsKernels: KernelBodies = {
  ...batchNormKernels,
  ...binaryKernels,
  ...blockKernels,
  ...comparisonKernels,
  ...convolutionKernels,
  ...creationKernels,
  ...cumulativeKernels,
  ...imageKernels,
  ...indexingKernels,
  ...moveKernels,
  ...poolingKernels,
  ...productKernels,
  ...reductionKernels,
  ...selectionKernels,
  ...shapeKernels,
  ...softmaxKernels,
  ...unaryKernels,
};
