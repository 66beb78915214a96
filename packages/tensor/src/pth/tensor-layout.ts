// How torch describes a tensor: a storage, and the offset, sizes and strides with which it is looked at. Several tensors
// may look at one storage, and one may look at an element many times (`expand`).

import { InputError } from "@dinov2/foundation";
import type { SafetensorsDtype, TypedArray } from "../safetensors/dtypes.ts";

export interface PthStorage {
  readonly dtype: SafetensorsDtype;
  /** Its name in the file. */
  readonly key: string;
  readonly elements: number;
}

/** Where in the file a storage's bytes are; undefined when it is not there. */
export type StorageLocator = (key: string) => Promise<{ readonly offset: number; readonly byteLength: number } | undefined>;

/** A tensor of a `.pth` file, not read yet. */
export class PthTensor {
  constructor(
    readonly storage: PthStorage,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
    readonly offset: number,
  ) {}

  get dtype(): SafetensorsDtype {
    return this.storage.dtype;
  }

  get size(): number {
    return this.shape.reduce((product, length) => product * length, 1);
  }

  /** How many storage elements from `offset` on the tensor reaches over. */
  get reach(): number {
    if (this.size === 0) return 0;
    return 1 + this.shape.reduce((sum, length, axis) => sum + (length - 1) * this.strides[axis]!, 0);
  }
}

/** An expanded tensor may be larger than its storage, up to this; beyond it a small file asks for all memory. */
const largestExpansion = 1 << 26;

/** Checks what a pickle says of a tensor. */
export function describeTensor(
  storage: PthStorage,
  offset: unknown,
  shape: unknown,
  strides: unknown,
  origin: string,
): PthTensor {
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  const areCounts = (values: unknown): values is number[] => Array.isArray(values) && values.every(isCount);
  if (!isCount(offset) || !areCounts(shape) || !areCounts(strides) || shape.length !== strides.length) {
    throw new InputError(`${origin} is damaged: a tensor's sizes and strides do not fit.`);
  }
  const tensor = new PthTensor(storage, shape, strides, offset as number);
  if (tensor.offset + tensor.reach > storage.elements) {
    throw new InputError(`${origin} is damaged: a tensor [${shape.join(", ")}] reaches beyond its storage.`);
  }
  if (tensor.size > Math.max(storage.elements, largestExpansion)) {
    throw new InputError(`${origin} holds a tensor [${shape.join(", ")}] expanded from ${storage.elements} numbers; save it contiguous.`);
  }
  return tensor;
}

/** The tensor's elements in row-major order; `window` holds the storage from the tensor's offset on. */
export function rowMajor(tensor: PthTensor, window: TypedArray): TypedArray {
  if (isContiguous(tensor)) return window;
  const { shape, strides, size } = tensor;
  const result = new (window.constructor as new (length: number) => TypedArray)(size);
  const index = new Array<number>(shape.length).fill(0);
  let source = 0;
  for (let i = 0; i < size; i++) {
    result[i] = window[source]!;
    // Counts up like an odometer, the last axis fastest.
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      source += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      source -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}

function isContiguous({ shape, strides }: PthTensor): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}
