import type { EngineOptions } from "../backends/description.ts";

/** CUDA's number of the device: `device` counts among those that the user lets this process see. */
function visibleDevice(device: string, visible: string | undefined): string {
  if (device === "cpu") return "-1";
  const index = Number(device.split(":")[1] ?? 0);
  return visible ? (visible.split(",")[index] ?? "-1") : String(index);
}

/** The variables to set before TensorFlow loads, for it takes no options. Those that the user has set stay, save for the device. */
export function environmentFor({ device, threads }: Pick<EngineOptions, "device" | "threads">, user: NodeJS.ProcessEnv): Record<string, string> {
  const defaults = {
    TF_NUM_INTRAOP_THREADS: String(threads),
    // Errors only.
    TF_CPP_MIN_LOG_LEVEL: "2",
    // Or it takes all of a GPU's memory at once.
    TF_FORCE_GPU_ALLOW_GROWTH: "true",
    // Or products on a GPU round their operands to 10 bits, which is not fp32.
    NVIDIA_TF32_OVERRIDE: "0",
  };
  const unset = Object.entries(defaults).filter(([name]) => user[name] === undefined);
  const chosen = device === undefined ? {} : { CUDA_VISIBLE_DEVICES: visibleDevice(device, user.CUDA_VISIBLE_DEVICES) };
  return { ...Object.fromEntries(unset), ...chosen };
}
