// Elementwise ops of two operands, with broadcasting: native/kernels/binary.cc.
import { type KernelBodies, type KernelBody, one } from "./kernel.ts";

const names = ["Add", "Sub", "Multiply"] as const;

export const binaryKernels: KernelBodies = Object.fromEntries(
  names.map((name): [string, KernelBody] => [name, (backend, { a, b }) => one(backend.run(name, [a, b]))]),
);
