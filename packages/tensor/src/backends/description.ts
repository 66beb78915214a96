// What a caller may ask of a backend, and what it got. See index.ts for the choice itself.

export const backendNames = ["auto", "libtorch", "tensorflow", "wasm", "cpu"] as const;

/** `auto` takes the best engine present: libtorch, tensorflow, wasm. */
export type BackendName = (typeof backendNames)[number];

/** The names that stand for an engine, best first. `cpu` is plain JavaScript: right, and slow. */
export type EngineName = Exclude<BackendName, "auto">;

/** How the backend multiplies: the dtype on the API stays float32 whatever the precision. */
export type Precision = "fp32" | "bf16";

export interface BackendOptions {
  readonly name?: BackendName;
  /** "cpu", "cuda" or "cuda:1"; the default is the engine's own best. */
  readonly device?: string;
  /** Threads for one op; the default is the number of processor cores. */
  readonly threads?: number;
  readonly precision?: Precision;
  /** False runs the portable definitions in place of the engine's fused kernels: for tests and benchmarks. */
  readonly fusedKernels?: boolean;
}

export interface BackendDescription {
  readonly name: EngineName;
  readonly device: string;
  readonly threads: number;
  readonly precision: Precision;
  /** The engine and its version, for people. */
  readonly engine: string;
  /** The folder of a library that is installed by itself. */
  readonly library?: string;
  /** The device, where it has a memory of its own. */
  readonly gpu?: { readonly name: string; readonly memoryBytes: { readonly total: number; readonly free: number } };
  /** Something the user should know, such as a slower path that had to be taken. */
  readonly note?: string;
}

/** Options after the defaults: what an engine is started with. */
export interface EngineOptions {
  readonly device: string | undefined;
  readonly threads: number;
  readonly precision: Precision;
  readonly fusedKernels: boolean;
}

/** One engine. `start` makes it TF.js' current backend, also when it ran before with other options. */
export interface Engine {
  /** Undefined when the engine can start here, else why not and what to do, in one line. */
  missing(): Promise<string | undefined>;
  start(options: EngineOptions): Promise<BackendDescription>;
}
