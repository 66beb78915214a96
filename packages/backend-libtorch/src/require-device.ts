import { InputError } from "@dinov2/foundation";

/** The LibTorch that is loaded: its version and folder, whether it is made for CUDA, and the GPUs it shows. */
export interface Inventory {
  readonly version: string;
  readonly libtorch: string;
  readonly cuda: boolean;
  readonly gpus: number;
}

/** @throws InputError for a GPU that is not there, saying what is */
export function requireDevice(device: string, { version, libtorch, cuda, gpus }: Inventory): void {
  const index = Number(device.split(":")[1] ?? 0);
  if (device === "cpu" || index < gpus) return;
  const name = `LibTorch ${version} (${libtorch})`;
  throw new InputError(`Device "${device}" is not available: ${name} ${cuda ? shown(gpus) : withoutCuda}`);
}

const withoutCuda = "was built without CUDA; use --device cpu, or run npm run build:native with a LibTorch that has CUDA.";

function shown(gpus: number): string {
  if (gpus === 0) return "has CUDA but sees no GPU; use --device cpu, or find with nvidia-smi what hides it.";
  return `sees ${gpus === 1 ? "one GPU, cuda:0" : `${gpus} GPUs, cuda:0 to cuda:${gpus - 1}`}; use one that is there, or --device cpu.`;
}
