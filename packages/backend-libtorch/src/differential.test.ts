// Every TF.js kernel of this backend gives what TF.js' own cpu backend gives: dtype, shape and numbers, on random shapes,
// broadcasts, dtypes and attributes.
import { RandomStream, tf, useBackend } from "@dinov2/tensor";
import { float32Tolerance } from "@dinov2/tensor/testing";
import { beforeAll, describe, expect, it } from "vitest";
import { missing, start } from "./index.ts";
import { tfjsKernels } from "./kernels/tfjs.ts";
import { Draw, type Operand } from "./testing/draw.ts";
import { elementwiseCalls } from "./testing/elementwise-calls.ts";
import { imageCalls } from "./testing/image-calls.ts";
import { indexingCalls } from "./testing/indexing-calls.ts";
import type { Generators, KernelCall } from "./testing/kernel-call.ts";
import { moveCalls } from "./testing/move-calls.ts";
import { tensorOf } from "./testing/operand-tensor.ts";
import { reductionCalls } from "./testing/reduction-calls.ts";
import { expectSame, type Result, resultOf } from "./testing/results.ts";
import { testDevice } from "./testing/test-device.ts";

const generators: Generators = { ...elementwiseCalls, ...imageCalls, ...indexingCalls, ...moveCalls, ...reductionCalls };

const callsPerKernel = 40;

async function run(kernel: string, call: KernelCall, backend: string): Promise<Result[]> {
  await tf.setBackend(backend);
  const found: Result[] = [];
  tf.tidy(() => {
    const named = Object.entries(call.inputs).map(([name, operand]) => [name, tensorOf(operand as Operand)] as const);
    const inputs = Array.isArray(call.inputs) ? named.map(([, tensor]) => tensor) : Object.fromEntries(named);
    const results = tf.engine().runKernel(kernel, inputs as tf.NamedTensorMap, call.attributes as tf.NamedAttrMap) as tf.Tensor | tf.Tensor[];
    found.push(...[results].flat().map((result, i) => resultOf(`result ${i}`, result)));
  });
  return found;
}

function describeCall({ inputs, attributes }: KernelCall): string {
  const operands = Object.entries(inputs).map(([name, { shape, dtype }]) => `${name} [${shape}] ${dtype}`);
  return `${operands.join(", ")}; ${JSON.stringify(attributes ?? {})}`;
}

async function compare(kernel: string): Promise<void> {
  const draw = new Draw(RandomStream.fromSeed(9).split(kernel));
  for (let i = 0; i < callsPerKernel; i++) {
    const call = generators[kernel]!(draw);
    const expected = await run(kernel, call, "cpu");
    const actual = await run(kernel, call, "libtorch");
    expectSame(actual, expected, call.tolerance ?? float32Tolerance, `${kernel}(${describeCall(call)})`);
  }
}

const why = await missing();
if (why === undefined) {
  describe.each([{ processorLoops: true }, { processorLoops: false }])("kernels of the libtorch backend, $processorLoops loops for the processor", ({ processorLoops }) => {
    beforeAll(async () => {
      await useBackend({ name: "cpu" });
      await start({ device: testDevice, threads: 2, processorLoops });
    });

    it("all have a generator here", () => {
      expect(Object.keys(generators).sort()).toEqual(Object.keys(tfjsKernels).sort());
    });

    it.each(Object.keys(tfjsKernels).sort())("%s agrees with the cpu backend", compare);
  });
} else {
  console.log(`skipped: backend libtorch, as ${why}`);
  it.skip(`backend libtorch: ${why}`, () => {});
}
