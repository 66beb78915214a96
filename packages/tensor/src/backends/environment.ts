import type { BackendName, BackendOptions, Precision } from "./description.ts";

/**
 * The options that DINOV2_BACKEND, DINOV2_DEVICE and DINOV2_PRECISION name, for `useBackend`, which checks them: how tests and
 * benchmarks are sent to an engine. Commands have options of the same names instead.
 */
export function backendFromEnvironment(env: Readonly<Record<string, string | undefined>> = process.env): BackendOptions {
  const { DINOV2_BACKEND: name, DINOV2_DEVICE: device, DINOV2_PRECISION: precision } = env;
  return {
    ...(name && { name: name as BackendName }),
    ...(device && { device }),
    ...(precision && { precision: precision as Precision }),
  };
}
