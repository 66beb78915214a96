import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { InputError } from "@dinov2/foundation";
import { afterAll, describe, expect, it } from "vitest";
import { findTensorFlow } from "./find-tensorflow.ts";

const home = mkdtempSync(join(tmpdir(), "dinov2-find-"));
afterAll(() => rmSync(home, { recursive: true }));

function folderWith(name: string, files: readonly string[]): string {
  for (const file of files) {
    mkdirSync(dirname(join(home, name, file)), { recursive: true });
    writeFileSync(join(home, name, file), "");
  }
  return join(home, name);
}

const header = "include/tensorflow/c/eager/c_api.h";
const wheel = folderWith("wheel", [header, "libtensorflow_cc.so.2", "libtensorflow_framework.so.2"]);
const other = folderWith("other", [header, "libtensorflow_cc.so.2", "libtensorflow_framework.so.2"]);

/** A PATH where python3 answers with `answer`. */
function pathWithPython(name: string, answer: string): string {
  const path = folderWith(name, ["python3"]);
  writeFileSync(join(path, "python3"), `#!/bin/sh\necho "${answer}"\n`);
  chmodSync(join(path, "python3"), 0o755);
  return path;
}

const noPython = folderWith("empty", ["nothing"]);

function messageOf(env: NodeJS.ProcessEnv): string {
  try {
    findTensorFlow(env);
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return (error as Error).message;
  }
  throw new Error("One was found.");
}

describe("findTensorFlow", () => {
  it("takes the folder that TENSORFLOW names before the package of python3", () => {
    const env = { PATH: pathWithPython("python-with", other), TENSORFLOW: wheel };
    expect(findTensorFlow(env)).toMatchObject({ source: "TENSORFLOW", folder: wheel, include: join(wheel, "include") });
    expect(findTensorFlow({ PATH: env.PATH })).toMatchObject({ source: "the tensorflow of python3", folder: other });
  });

  it("links the libraries of a Python package, or those of the archive for C", () => {
    expect(findTensorFlow({ TENSORFLOW: wheel }).libraries).toEqual(
      ["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"].map((name) => join(wheel, name)));
    const libraries = ["lib/libtensorflow.so.2", "lib/libtensorflow_framework.so.2"];
    const archive = folderWith("archive", [header, ...libraries]);
    expect(findTensorFlow({ TENSORFLOW: archive }).libraries).toEqual(libraries.map((name) => join(archive, name)));
  });

  it("says the command that gets one where there is no python3, or one without the package", () => {
    for (const PATH of [noPython, pathWithPython("python-without", "")]) {
      expect(messageOf({ PATH })).toBe(
        "No TensorFlow is here: get one with `python3 -m pip install tensorflow_cpu`, or name its folder in TENSORFLOW.");
    }
  });

  it("names the folder, and what it lacks, where headers or libraries are not in it", () => {
    for (const folder of [folderWith("headers", [header]), folderWith("libraries", ["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"]), join(home, "nowhere")]) {
      expect(messageOf({ PATH: noPython, TENSORFLOW: folder })).toContain(`TENSORFLOW, ${folder}, is not a TensorFlow to build with`);
    }
    const PATH = pathWithPython("python-old", folderWith("old", ["__init__.py"]));
    expect(messageOf({ PATH })).toMatch(/^the tensorflow of python3, .*old, .* libtensorflow_cc\.so\.2 were expected .* pip install tensorflow_cpu/);
  });
});
