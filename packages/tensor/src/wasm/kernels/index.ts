import type { FusedKernels } from "../context.ts";
import { attentionKernels } from "./attention.ts";
import { gatherKernels } from "./gather.ts";
import { linearKernels } from "./linear.ts";
import { normKernels } from "./norms.ts";
import { pointwiseKernels } from "./pointwise.ts";
import { prototypeKernels } from "./prototypes.ts";
import { residualKernels } from "./residual.ts";
import { updateKernels } from "./update.ts";

/** Every kernel of the table that this backend implements. */
export const fusedKernels: FusedKernels = {
  ...attentionKernels,
  ...gatherKernels,
  ...linearKernels,
  ...normKernels,
  ...pointwiseKernels,
  ...prototypeKernels,
  ...residualKernels,
  ...updateKernels,
};
