// What `torch.save` writes: tensors in plain containers, as a pickle whose globals are those of the table below and only make a
// container or describe a tensor.

import { PickleGlobal, PickleMachine } from "@dinov2/foundation";
import type { SafetensorsDtype } from "../safetensors/dtypes.ts";
import { describeTensor, type PthStorage, type PthTensor } from "./tensor-layout.ts";

/** What a file can hold: Python's dicts become maps, lists and tuples arrays. */
export type PthValue = null | boolean | number | string | PthTensor | PthValue[] | Map<PthValue, PthValue>;

class StorageReference {
  constructor(readonly storage: PthStorage) {}
}

/** The class of a storage says its dtype; it is not called. */
class StorageClass extends PickleGlobal {
  constructor(readonly dtype: SafetensorsDtype) {
    super(dtype, () => {
      throw new RangeError("a storage is not called");
    });
  }
}

const storageClasses: ReadonlyMap<string, StorageClass> = new Map(
  Object.entries({
    FloatStorage: "F32",
    HalfStorage: "F16",
    BFloat16Storage: "BF16",
    DoubleStorage: "F64",
    LongStorage: "I64",
    IntStorage: "I32",
    ShortStorage: "I16",
    CharStorage: "I8",
    ByteStorage: "U8",
    BoolStorage: "BOOL",
  } as const).map(([name, dtype]) => [`torch ${name}`, new StorageClass(dtype)]),
);

/** Python classes and functions that are understood, by `module name`. */
const functions: Readonly<Record<string, (operands: readonly unknown[], origin: string) => unknown>> = {
  "collections OrderedDict": ([pairs]) => new Map((pairs ?? []) as [PthValue, PthValue][]),
  "torch Size": ([sizes]) => sizes,
  "torch._utils _rebuild_parameter": ([tensor]) => tensor,
  "torch._utils _rebuild_tensor_v2": ([reference, offset, shape, strides], origin) => {
    if (!(reference instanceof StorageReference)) throw new RangeError("a tensor without storage");
    return describeTensor(reference.storage, offset, shape, strides, origin);
  },
};

/** Reads one pickle. `origin` is the file, for messages. */
export class Unpickler {
  /** The storages that the pickle's tensors look at, by key. */
  readonly storages = new Map<string, PthStorage>();
  private readonly machine: PickleMachine;

  constructor(bytes: Uint8Array, origin: string, start = 0) {
    const vocabulary = {
      advice: "save a plain state dict of tensors",
      global(module: string, name: string): PickleGlobal | undefined {
        const key = `${module} ${name}`;
        if (!Object.hasOwn(functions, key)) return storageClasses.get(key);
        return new PickleGlobal(key, (operands) => functions[key]!(operands, origin));
      },
      persistent: (id: readonly unknown[]) => this.storage(id),
      // A state dict has attributes, which are version notes.
      build: (object: unknown) => object instanceof Map,
    };
    this.machine = new PickleMachine(bytes, origin, vocabulary, start);
  }

  /** Where `load` ended: the byte behind the pickle. */
  get position(): number {
    return this.machine.position;
  }

  /** Runs to the end of the pickle and gives its one value. */
  load(): PthValue {
    return this.machine.load() as PthValue;
  }

  /** `("storage", class, key, device, element count)`: how a tensor names its bytes. */
  private storage([tag, storageClass, key, , elements]: readonly unknown[]): StorageReference {
    if (tag !== "storage" || !(storageClass instanceof StorageClass) || typeof key !== "string" || !Number.isSafeInteger(elements)) {
      throw new RangeError("not a storage");
    }
    const described = { dtype: storageClass.dtype, key, elements: elements as number };
    this.storages.set(key, described);
    return new StorageReference(described);
  }
}
