import { backendFromEnvironment } from "@dinov2/tensor";

/** Where the tests of this package run: DINOV2_DEVICE, or the processor. */
export const testDevice = backendFromEnvironment().device ?? "cpu";
