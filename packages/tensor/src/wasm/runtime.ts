// The wasm backend as this package starts it: TF.js' engine on shared memory, our kernels over it on as many
// threads as asked for. One per process; TF.js knows it as the backend "wasm".
import * as tf from "@tensorflow/tfjs-core";
import { setThreadsCount } from "@tensorflow/tfjs-backend-wasm";
import type { KernelAttributes, KernelInputs, KernelName, KernelOutputs } from "../ops/kernels.ts";
import { compileKernels } from "./binary.ts";
import type { MultiplyAdd } from "./binary.ts";
import { KernelContext } from "./context.ts";
import { fusedKernels } from "./kernels/index.ts";
import { withOverride } from "./kernels/tfjs-overrides.ts";
import { KernelPool } from "./pool.ts";
import { startSharedModule } from "./tfjs-module.ts";

const backendName = "wasm";

export interface WasmRuntime {
  readonly context: KernelContext;
  readonly multiplyAdd: MultiplyAdd;
}

/** TF.js prints a warning when a kernel is registered twice; the one before goes first. */
function replaceKernel(config: tf.KernelConfig): void {
  if (tf.getKernel(config.kernelName, backendName) !== undefined) tf.unregisterKernel(config.kernelName, backendName);
  tf.registerKernel(config);
}

let stockKernels: readonly tf.KernelConfig[] | undefined;

/** Puts our kernels in place, or takes them away again. */
export function setKernels({ context }: WasmRuntime, enabled: boolean): void {
  stockKernels ??= tf.getKernelsForBackend(backendName);
  for (const stock of stockKernels) {
    const ours = withOverride(context, stock);
    if (ours !== undefined) replaceKernel(enabled ? ours : stock);
  }
  for (const kernelName of Object.keys(fusedKernels) as KernelName[]) {
    if (enabled) replaceKernel(fusedConfig(context, kernelName));
    else if (tf.getKernel(kernelName, backendName) !== undefined) tf.unregisterKernel(kernelName, backendName);
  }
}

function fusedConfig<Name extends KernelName>(context: KernelContext, kernelName: Name): tf.KernelConfig {
  const run = fusedKernels[kernelName] as (
    context: KernelContext,
    inputs: KernelInputs<Name>,
    attributes: KernelAttributes<Name>,
  ) => KernelOutputs<Name>;
  return {
    kernelName,
    backendName,
    kernelFunc: ({ inputs, attrs }) =>
      run(context, inputs as KernelInputs<Name>, attrs as KernelAttributes<Name>) as tf.TensorInfo[],
  };
}

/** Starts the engine, registers it in the place of TF.js' own, and returns it without our kernels yet. */
export async function startRuntime(wanted: MultiplyAdd = "fused"): Promise<WasmRuntime> {
  // Read by BackendWasm's constructor: TF.js' own kernels stay on this thread.
  setThreadsCount(1);
  const { backend, heap } = await startSharedModule();
  const { module, multiplyAdd } = compileKernels(wanted);
  const pool = new KernelPool(module, heap);
  const stop = backend.dispose.bind(backend);
  backend.dispose = () => {
    void pool.resize(1);
    stop();
  };
  tf.removeBackend(backendName);
  tf.registerBackend(backendName, () => backend, 2);
  return { context: new KernelContext(backend, pool, heap), multiplyAdd };
}
