// How much memory a computation takes at its peak, beyond what the process has already. On Linux, and exact only in a process
// that does nothing else.
import { readFileSync, writeFileSync } from "node:fs";

const kilobytes = (field: "VmHWM" | "VmRSS") => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync("/proc/self/status", "utf8"))![1]);

/** Linux says what the peak is; AddressSanitizer keeps back what was freed, so that its peaks are not ours. */
export const peakIsMeasurable = process.platform === "linux" && process.env["ASAN_OPTIONS"] === undefined;

export function peakBytes(compute: () => void): number {
  writeFileSync("/proc/self/clear_refs", "5"); // The peak starts again from what is in use.
  const before = kilobytes("VmRSS");
  compute();
  return (kilobytes("VmHWM") - before) * 1024;
}
