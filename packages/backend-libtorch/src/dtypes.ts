// TF.js' dtypes as the addon names them: by their place in this list (enum Dtype of native/call.h).
import type { tf } from "@dinov2/tensor";

const dtypes = ["float32", "int32", "bool"] as const;

/** The number of a dtype. Throws for those that LibTorch tensors are not made of here. */
export function dtypeCode(dtype: tf.DataType): number {
  const code = (dtypes as readonly string[]).indexOf(dtype);
  if (code >= 0) return code;
  throw new TypeError(`The libtorch backend has no ${dtype} tensors; it has ${dtypes.join(", ")}.`);
}

export function dtypeOfCode(code: number): tf.DataType {
  return dtypes[code]!;
}

/** Values as the typed array of their dtype: what the addon copies. */
export function typedArrayOf(values: tf.BackendValues, dtype: tf.DataType): Float32Array | Int32Array | Uint8Array {
  switch (dtype) {
    case "float32":
      return values instanceof Float32Array ? values : Float32Array.from(values as ArrayLike<number>);
    case "int32":
      return values instanceof Int32Array ? values : Int32Array.from(values as ArrayLike<number>);
    case "bool":
      return values instanceof Uint8Array ? values : Uint8Array.from(values as ArrayLike<number>, (value) => (value ? 1 : 0));
    default:
      dtypeCode(dtype);
      throw new TypeError(`Unknown dtype ${dtype}.`);
  }
}
