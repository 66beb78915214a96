// The ops that have fused kernels give what their portable definitions give on TF.js' cpu backend, and the same gradients, on random
// sizes, attributes and ways by which the inputs came to their numbers.
import { RandomStream, tf, type Tensor, useBackend, vectorJacobianProduct } from "@dinov2/tensor";
import type { Tolerance } from "@dinov2/tensor/testing";
import { describe, it } from "vitest";
import { missing, start } from "./index.ts";
import { Draw, type Operand } from "./testing/draw.ts";
import { type FusedCall, fusedCalls } from "./testing/fused-calls.ts";
import { tensorOf } from "./testing/operand-tensor.ts";
import { expectSame, type Result, resultOf } from "./testing/results.ts";
import { testDevice } from "./testing/test-device.ts";

const seed = 11;
const callsPerOp = 15;

/** Float32 rounding over sums of a hundred terms of size 3, on either side. */
const usual: Tolerance = { absolute: 1e-4, relative: 1e-4 };

/** What a call gives on the current backend, and the gradients of Σ result * dy, where `dyOf` draws or repeats dy for the result's shape. */
function resultsOf({ inputs, differentiable = inputs.length, run }: FusedCall, dyOf: (shape: number[]) => Operand): Result[] {
  const results: Result[] = [];
  tf.tidy(() => {
    const tensors = inputs.map(tensorOf);
    const given = [run(...tensors)].flat();
    results.push(...given.map((tensor, i) => resultOf(`result ${i}`, tensor)));
    tf.dispose(given.filter((tensor) => tensor instanceof tf.Variable)); // tf.tidy leaves them.
    if (differentiable === 0) return;
    const dy = tensorOf(dyOf(given[0]!.shape));
    const gradients = vectorJacobianProduct(() => run(...tensors) as Tensor, tensors.slice(0, differentiable), dy);
    results.push(...gradients.map((gradient, i) => resultOf(`gradient of input ${i}`, gradient)));
  });
  return results;
}

function describeCall({ inputs, attributes = {} }: FusedCall): string {
  return `${inputs.map(({ shape, layout }) => `[${shape}] ${layout}`).join(", ")}; ${JSON.stringify(attributes)}`;
}

async function compare(op: string): Promise<void> {
  const draw = new Draw(RandomStream.fromSeed(seed).split(op));
  for (let i = 0; i < callsPerOp; i++) {
    const call = fusedCalls[op]!(draw);
    let dy: Operand | undefined;
    const dyOf = (shape: number[]) => (dy ??= draw.floats(shape, { low: -1, high: 1 }));
    await useBackend({ name: "cpu" });
    const expected = resultsOf(call, dyOf);
    for (const processorLoops of [true, false]) {
      await start({ device: testDevice, threads: 2, processorLoops });
      const title = `call ${i} of seed ${seed}, processorLoops ${processorLoops}: ${op}(${describeCall(call)})`;
      expectSame(resultsOf(call, dyOf), expected, call.tolerance ?? usual, title);
    }
  }
}

const why = await missing();
if (why === undefined) {
  describe("fused kernels of the libtorch backend", () => {
    it.each(Object.keys(fusedCalls))("%s agrees with its portable definition, with our loops and with LibTorch's", compare);
  });
} else {
  console.log(`skipped: backend libtorch, as ${why}`);
  it.skip(`backend libtorch: ${why}`, () => {});
}
