// The instruction sets of this machine's processor. The addon is compiled for those of the machine that builds it, and on a
// processor without one of them it would end the process with an illegal instruction.
import { existsSync, readFileSync } from "node:fs";

const cpuinfo = "/proc/cpuinfo";

/** The flags of an x86 processor that stand for instructions which a compiler uses by itself; the rest say what else it can do. */
const x86InstructionSets = /^(pni|s?sse\w*|avx\w*|fma4?|bmi\d|f16c|abm|popcnt|movbe|lahf_lm|tbm|xop|gfni)$/;

/** The instruction sets that `text`, a /proc/cpuinfo, names; sorted. */
export function instructionSetsIn(text: string): string[] {
  const x86 = /^flags\s*:(.*)$/m.exec(text);
  const arm = /^Features\s*:(.*)$/m.exec(text);
  const names = (x86 ?? arm)?.[1]?.trim().split(/\s+/) ?? [];
  return names.filter((name) => arm !== null || x86InstructionSets.test(name)).sort();
}

/** Those of this machine; none where the system does not say. */
export const instructionSets = (): string[] => (existsSync(cpuinfo) ? instructionSetsIn(readFileSync(cpuinfo, "utf8")) : []);
