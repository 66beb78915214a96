// Files of torch.save: every tensor bit by bit beside the same values in safetensors, and the plain values.

import { openPth, openSafetensors, PthTensor, type PthValue } from "@dinov2/tensor";
import { compareFact, type Check, type Comparison, type GoldenCase } from "../harness.ts";

export const check: Check = async (golden) => {
  const pth = await openPth(golden.path());
  const expected = await openSafetensors(golden.expectedPath());
  try {
    const tensors = tensorsOf(pth.value);
    const names = [...tensors.keys()].sort();
    const comparisons = [compareFact("names", names.join() === expected.names().sort().join(), names.join())];
    for (const [name, tensor] of tensors) {
      const kind = `${tensor.dtype} [${tensor.shape.join()}]`;
      const { dtype, shape } = expected.info(name);
      const [got, wanted] = [await pth.read(tensor), await expected.read(name)];
      const equal = kind === `${dtype} [${shape.join()}]` && got.every((value, i) => Object.is(value, wanted[i]));
      comparisons.push(compareFact(name, equal && got.length === wanted.length, `${kind}, other dtype, shape or values`));
    }
    return [...comparisons, ...comparePlainValues(golden, pth.value)];
  } finally {
    await expected.close();
    await pth.close();
  }
};

/** All tensors inside a value, by the keys that lead to them, joined by "/". */
function tensorsOf(value: PthValue, path = ""): Map<string, PthTensor> {
  if (value instanceof PthTensor) return new Map([[path, value]]);
  const children = value instanceof Map || Array.isArray(value) ? [...value.entries()] : [];
  return new Map(
    children.flatMap(([key, child]) => [...tensorsOf(child, path === "" ? String(key) : `${path}/${String(key)}`)]),
  );
}

/** The case's values, named by the keys that lead to them, joined by ".". */
function comparePlainValues(golden: GoldenCase, root: PthValue): Comparison[] {
  return Object.entries(golden.values).map(([name, { value }]) => {
    const found = name.split(".").reduce<PthValue>((at, key) => (at instanceof Map ? (at.get(key) ?? null) : null), root);
    const got = JSON.stringify(found, (_, item: unknown) => (item instanceof Map ? Object.fromEntries(item) : item));
    return compareFact(name, got === JSON.stringify(value), `got ${got}`);
  });
}
