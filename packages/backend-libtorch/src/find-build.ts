// Which build of the addon serves. tools/native/libtorch.ts makes them, a folder for each LibTorch, and each says of itself in
// `build.json` what it needs to run; there is no other index that could disagree.
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";

/** What a build says of itself. */
export interface BuildInfo {
  /** The folder of the LibTorch that it is linked with, and that LibTorch's version. */
  readonly libtorch: string;
  readonly version: string;
  /** LibTorch's main library as it was: another one under the same name needs another build. */
  readonly library: { readonly file: string; readonly bytes: number };
  /** Of the processor that it was compiled on, and for. */
  readonly instructionSets: readonly string[];
  /** With AddressSanitizer: serves only when it is asked for by name. */
  readonly sanitize: boolean;
  /** Milliseconds since 1970. */
  readonly builtAt: number;
}

export interface Build extends BuildInfo {
  readonly name: string;
  readonly addon: string;
}

/** All that the choice depends on. */
export interface Surroundings {
  /** The folder that holds a folder for each build. */
  readonly builds: string;
  /** `LIBTORCH` names the folder of a LibTorch, `DINOV2_LIBTORCH_BUILD` a build itself. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of this machine's processor. */
  readonly instructionSets: readonly string[];
}

const howToBuild = "npm run build:native builds it where LibTorch is (apt-get install libtorch-dev, or pip install torch)";
const buildAgain = "run again: npm run build:native";

/** A build, or a folder that should be one. */
interface Candidate {
  readonly name: string;
  /** Undefined when its build.json is damaged. */
  readonly info?: BuildInfo;
  /** Why it cannot be used, and what to do. */
  readonly fault?: string;
}

/** The build that serves here; a string says in one line why none does, and what to do. */
export function findBuild({ builds, env, instructionSets }: Surroundings): Build | string {
  const result = choose(candidatesIn(builds, instructionSets), env);
  if (typeof result === "string") return result;
  return result.fault ?? { ...result.info!, name: result.name, addon: addonOf(builds, result.name) };
}

function choose(candidates: readonly Candidate[], env: Surroundings["env"]): Candidate | string {
  const named = env["DINOV2_LIBTORCH_BUILD"] || undefined;
  if (named !== undefined) {
    const names = candidates.map(({ name }) => name).join(", ") || "none";
    return candidates.find(({ name }) => name === named) ?? `DINOV2_LIBTORCH_BUILD=${named} is no build; there are: ${names}`;
  }
  const everyday = candidates.filter(({ info }) => !info?.sanitize);
  const wanted = env["LIBTORCH"] || undefined;
  if (wanted === undefined) return everyday[0] ?? `its addon is not built; ${howToBuild}`;
  if (!existsSync(wanted)) return `LIBTORCH=${wanted} is not there; name the folder of a LibTorch, or unset it`;
  const folder = realpathSync(wanted);
  return everyday.find(({ info }) => info?.libtorch === folder) ?? `no build is there for LIBTORCH=${wanted}; npm run build:native makes one`;
}

/** Those that can be used first, and the newest first among them. */
function candidatesIn(builds: string, instructionSets: readonly string[]): Candidate[] {
  const names = existsSync(builds) ? readdirSync(builds).filter((name) => existsSync(join(builds, name, "build.json"))) : [];
  const candidates = names.map((name): Candidate => {
    const info = readInfo(join(builds, name, "build.json"));
    if (info === undefined) return { name, fault: `build.json of its build ${name} is damaged; ${buildAgain}` };
    const fault = faultOf(info, addonOf(builds, name), instructionSets);
    return { name, info, ...(fault !== undefined && { fault }) };
  });
  const rank = ({ info, fault }: Candidate) => (fault === undefined ? info!.builtAt : 0);
  return candidates.sort((a, b) => rank(b) - rank(a));
}

const addonOf = (builds: string, name: string): string => join(builds, name, "libtorch.node");

/** Why this build would not load, or not run, here. */
function faultOf({ version, library, ...info }: BuildInfo, addon: string, instructionSets: readonly string[]): string | undefined {
  const { file, bytes } = library;
  if (!existsSync(addon)) return `its addon is gone (${addon}); ${buildAgain}`;
  if (!existsSync(file)) return `the LibTorch ${version} that it was built with is gone (${file}); ${buildAgain}`;
  if (statSync(file).size !== bytes) return `${file} is not the LibTorch ${version} any more that it was built with; ${buildAgain}`;
  const lacking = info.instructionSets.filter((name) => !instructionSets.includes(name));
  if (lacking.length > 0) return `its addon was built on another processor, this one lacks ${lacking.join(", ")}; ${buildAgain}`;
  return undefined;
}

/** Undefined for a file that is not what the build writes, such as half of it. */
function readInfo(file: string): BuildInfo | undefined {
  try {
    const info = JSON.parse(readFileSync(file, "utf8")) as Partial<BuildInfo> | null;
    const { libtorch, version, library, instructionSets, sanitize, builtAt } = info ?? {};
    const texts = [libtorch, version, library?.file].every((value) => typeof value === "string");
    const numbers = [library?.bytes, builtAt].every((value) => typeof value === "number");
    return texts && numbers && Array.isArray(instructionSets) && typeof sanitize === "boolean" ? (info as BuildInfo) : undefined;
  } catch {
    return undefined;
  }
}
