// Reading a folder of golden numbers: `manifest.json` and the files it names. Cases are found by group
// and attributes, never by id, so that a folder with other sizes, seeds and ids is checked as well.

import { readFileSync } from "node:fs";
import { join } from "node:path";

export type GoldenDtype = "F32" | "I32" | "I64" | "BOOL" | "F64" | "F16" | "BF16" | "U8";

/** `|got - expected| <= atol + rtol |expected|`, or 8-bit levels of an image, or equality, or words for a reader. */
export type Tolerance =
  | { readonly atol: number; readonly rtol: number }
  | { readonly levels_max: number; readonly levels_mean: number }
  | string;

interface TensorEntry {
  readonly dtype: GoldenDtype;
  readonly shape: readonly number[];
  readonly desc?: string;
  readonly tolerance?: Tolerance;
}

export interface GoldenValue {
  readonly value: unknown;
  readonly f64?: unknown;
  readonly tolerance?: Tolerance;
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly desc?: string;
}

interface ManifestCase {
  readonly id: string;
  readonly group: string;
  readonly file?: string;
  readonly expected_file?: string;
  readonly source: string;
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly inputs?: Readonly<Record<string, TensorEntry>>;
  readonly weights?: Readonly<Record<string, TensorEntry>>;
  readonly outputs?: Readonly<Record<string, TensorEntry>>;
  readonly values?: Readonly<Record<string, GoldenValue>>;
  readonly notes?: readonly string[];
}

/** A tensor of a case, row-major. I64 and I32 come as Int32Array, BOOL and U8 as Uint8Array. */
export interface GoldenTensor {
  readonly dtype: GoldenDtype;
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array | Int32Array | Uint8Array;
}

/** One case of a golden folder. */
export class GoldenCase {
  readonly id: string;
  readonly group: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly values: Readonly<Record<string, GoldenValue>>;
  private tensors: Map<string, GoldenTensor> | undefined;

  constructor(
    private readonly folder: string,
    private readonly entry: ManifestCase,
  ) {
    this.id = entry.id;
    this.group = entry.group;
    this.attributes = entry.attributes ?? {};
    this.values = entry.values ?? {};
  }

  /** A required attribute. */
  attribute<T>(name: string): T {
    if (!(name in this.attributes)) throw new Error(`Case ${this.id} has no attribute "${name}".`);
    return this.attributes[name] as T;
  }

  /** A required scalar or JSON value. */
  value<T>(name: string): T {
    const entry = this.values[name];
    if (!entry) throw new Error(`Case ${this.id} has no value "${name}".`);
    return entry.value as T;
  }

  /** Names of the inputs, weights and outputs that start with `prefix`, in the manifest's order. */
  names(prefix: string): string[] {
    const all = { ...this.entry.inputs, ...this.entry.weights, ...this.entry.outputs };
    return Object.keys(all).filter((name) => name.startsWith(prefix));
  }

  has(name: string): boolean {
    return this.names(name).includes(name);
  }

  /** What an output may differ by. */
  tolerance(name: string): Tolerance | undefined {
    return this.entry.outputs?.[name]?.tolerance ?? this.values[name]?.tolerance;
  }

  /** What the manifest says in words about an output or a value; some parameters stand only there. */
  description(name: string): string {
    return this.entry.outputs?.[name]?.desc ?? this.values[name]?.desc ?? "";
  }

  tensor(name: string): GoldenTensor {
    this.tensors ??= readTensors(this.path());
    const tensor = this.tensors.get(name);
    if (!tensor) throw new Error(`Case ${this.id} has no tensor "${name}".`);
    return tensor;
  }

  /** Everything under a prefix, by the name that follows it: `tensorsUnder("w.")` gives the state dict. */
  tensorsUnder(prefix: string): Map<string, GoldenTensor> {
    return new Map(this.names(prefix).map((name) => [name.slice(prefix.length), this.tensor(name)]));
  }

  /** The content of a case whose file is JSON. */
  json<T>(): T {
    return JSON.parse(readFileSync(this.path(), "utf8")) as T;
  }

  /** The file that holds what reading the case's own file must give. */
  expectedPath(): string {
    if (!this.entry.expected_file) throw new Error(`Case ${this.id} names no file of expected values.`);
    return this.path(this.entry.expected_file);
  }

  /** The full name of a file that lies beside the manifest. */
  path(file: string = this.entry.file ?? ""): string {
    return join(this.folder, file);
  }
}

/** All cases of a golden folder. */
export function readGoldenFolder(folder: string): GoldenCase[] {
  const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as { cases: ManifestCase[] };
  return manifest.cases.map((entry) => new GoldenCase(folder, entry));
}

function readTensors(path: string): Map<string, GoldenTensor> {
  const bytes = readFileSync(path);
  const headerLength = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + headerLength)) as Record<
    string,
    { dtype: GoldenDtype; shape: number[]; data_offsets: [number, number] }
  >;
  const body = bytes.subarray(8 + headerLength);
  const tensors = new Map<string, GoldenTensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [start, end] = entry.data_offsets;
    // A copy, so that typed arrays of any width start at an aligned address.
    const buffer = new Uint8Array(body.subarray(start, end)).buffer;
    tensors.set(name, { dtype: entry.dtype, shape: entry.shape, data: typedArray(entry.dtype, buffer) });
  }
  return tensors;
}

function typedArray(dtype: GoldenDtype, buffer: ArrayBuffer): GoldenTensor["data"] {
  switch (dtype) {
    case "F32":
      return new Float32Array(buffer);
    case "F64":
      return new Float64Array(buffer);
    case "I32":
      return new Int32Array(buffer);
    case "I64":
      return Int32Array.from(new BigInt64Array(buffer), Number);
    case "BOOL":
    case "U8":
      return new Uint8Array(buffer);
    case "F16":
    case "BF16":
      throw new Error(`A golden tensor of dtype ${dtype} is read by the package under test, not by the harness.`);
    default:
      return dtype satisfies never;
  }
}
