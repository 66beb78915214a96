import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { type BuildInfo, findBuild } from "./find-build.ts";
import { instructionSetsIn } from "./processor.ts";

const home = mkdtempSync(join(tmpdir(), "dinov2-builds-"));
afterAll(() => rmSync(home, { recursive: true }));

let builds: string;
let count = 0;
beforeEach(() => {
  builds = join(home, String(count++), "build");
});

/** A LibTorch that is nothing but a library of `bytes` bytes. */
function libtorch(name: string, bytes = 10): BuildInfo["library"] & { folder: string } {
  const folder = join(builds, "..", name);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "libtorch_cpu.so");
  writeFileSync(file, "x".repeat(bytes));
  return { folder, file, bytes };
}

/** Writes a build, and gives its build.json. */
function build(name: string, changes: Partial<BuildInfo> = {}): string {
  const { folder, ...library } = libtorch(`${name}-libtorch`);
  const info: BuildInfo = { libtorch: folder, version: "2.0.0", library, instructionSets: ["avx2"], sanitize: false, builtAt: 1, ...changes };
  mkdirSync(join(builds, name), { recursive: true });
  writeFileSync(join(builds, name, "libtorch.node"), "");
  writeFileSync(join(builds, name, "build.json"), JSON.stringify(info));
  return join(builds, name, "build.json");
}

const find = (env: Record<string, string> = {}, instructionSets = ["avx2", "fma"]) => findBuild({ builds, env, instructionSets });

/** The name of the build that serves. */
function serving(env: Record<string, string> = {}): string {
  const found = find(env);
  if (typeof found === "string") throw new Error(found);
  return found.name;
}

describe("the build that serves", () => {
  it("is none before the first one is made, and the command that makes it is named", () => {
    expect(find()).toMatch(/^its addon is not built; npm run build:native builds it/);
    mkdirSync(join(builds, "torch-2.0.0", "objects"), { recursive: true });
    expect(find()).toMatch(/^its addon is not built/);
  });

  it("is the newest, or the one for the LibTorch that LIBTORCH names, through a link too", () => {
    const first = libtorch("first");
    build("a", { libtorch: first.folder, builtAt: 1 });
    build("b", { builtAt: 2 });
    symlinkSync(first.folder, join(builds, "../link"));
    expect(serving()).toBe("b");
    expect(serving({ LIBTORCH: first.folder })).toBe("a");
    expect(serving({ LIBTORCH: join(builds, "../link") })).toBe("a");
    expect(serving({ LIBTORCH: "" })).toBe("b");
  });

  it("is never a sanitized one, unless it is named", () => {
    build("everyday", { builtAt: 1 });
    build("checked", { builtAt: 2, sanitize: true });
    expect(serving()).toBe("everyday");
    expect(serving({ DINOV2_LIBTORCH_BUILD: "checked" })).toBe("checked");
    expect(find({ DINOV2_LIBTORCH_BUILD: "chequed" })).toBe("DINOV2_LIBTORCH_BUILD=chequed is no build; there are: checked, everyday");
  });

  it("is not one for a LibTorch that is not there, or that nothing was built with", () => {
    build("a");
    expect(find({ LIBTORCH: "/nonexistent" })).toMatch(/^LIBTORCH=\/nonexistent is not there; name the folder of a LibTorch, or unset it$/);
    expect(find({ LIBTORCH: home })).toMatch(/^no build is there for LIBTORCH=.*; npm run build:native makes one$/);
  });
});

describe("a build that cannot be used", () => {
  it("was made on a processor that can do more: refused by name, where it would end the process", () => {
    build("a", { instructionSets: ["avx2", "avx512f", "avx512_bf16"] });
    expect(find()).toBe("its addon was built on another processor, this one lacks avx512f, avx512_bf16; run again: npm run build:native");
    expect(find({}, ["avx2", "avx512f", "avx512_bf16"])).toMatchObject({ name: "a" });
  });

  it("has lost its LibTorch, or found another one in its place", () => {
    build("a", { library: { file: join(home, "gone/libtorch_cpu.so"), bytes: 10 } });
    expect(find()).toMatch(/^the LibTorch 2\.0\.0 that it was built with is gone \(.*gone\/libtorch_cpu\.so\); run again/);
    const { file } = libtorch("upgraded", 11);
    build("a", { library: { file, bytes: 10 } });
    expect(find()).toMatch(/upgraded\/libtorch_cpu\.so is not the LibTorch 2\.0\.0 any more that it was built with; run again/);
  });

  it("has lost its addon", () => {
    rmSync(build("a").replace("build.json", "libtorch.node"));
    expect(find()).toMatch(/^its addon is gone \(.*libtorch\.node\); run again/);
  });

  it.each([
    ["empty", ""],
    ["half-written", '{"libtorch":"/usr","vers'],
    ["of another shape", '{"libtorch":"/usr","version":"1.13.0"}'],
    ["no object", "null"],
  ])("has a build.json that is %s", (_what, text) => {
    writeFileSync(build("a"), text);
    expect(find()).toBe("build.json of its build a is damaged; run again: npm run build:native");
  });

  it("steps back for one that can, and is named where it alone would do", () => {
    const { folder } = libtorch("wanted");
    build("unusable", { builtAt: 2, libtorch: folder, instructionSets: ["amx_bf16"] });
    build("older", { builtAt: 1 });
    expect(serving()).toBe("older");
    expect(find({ LIBTORCH: folder })).toMatch(/built on another processor/);
  });
});

describe("instructionSetsIn", () => {
  it("takes what a compiler uses by itself from the flags of an x86 processor", () => {
    const text = "processor\t: 0\nflags\t\t: fpu sse2 ht pni ssse3 fma sse4_1 popcnt aes avx hypervisor abm sha_ni avx512f avx512_bf16 bmi2\nbogomips: 1\n";
    expect(instructionSetsIn(text)).toEqual(["abm", "avx", "avx512_bf16", "avx512f", "bmi2", "fma", "pni", "popcnt", "sse2", "sse4_1", "ssse3"]);
  });

  it("takes all features of an Arm one, and nothing where none are named", () => {
    expect(instructionSetsIn("Features\t: fp asimd atomics sve\n")).toEqual(["asimd", "atomics", "fp", "sve"]);
    expect(instructionSetsIn("model name: mystery\n")).toEqual([]);
  });
});
