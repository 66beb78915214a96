// The picture of the rooms as a test: which package may import which. Imports run downward only, and
// across packages only through the front door. Needs no build and no project graph.

import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What each package may import: its row of the diagram in the README. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  foundation: [],
  report: [],
  tensor: ["foundation"],
  "backend-libtorch": ["tensor", "foundation"],
  data: ["foundation"],
  vit: ["tensor", "foundation"],
  losses: ["tensor", "foundation"],
  optim: ["tensor", "foundation"],
  training: ["data", "vit", "losses", "optim", "tensor", "foundation"],
  evaluation: ["data", "vit", "optim", "tensor", "foundation"],
  cli: ["foundation", "tensor"],
};

/** Third-party libraries that stay in their homes. (The app's demo prepares its pictures with sharp.) */
const homes: Readonly<Record<string, readonly string[]>> = {
  "@tensorflow/": ["packages/tensor"],
  sharp: ["packages/data", "apps/dinov2"],
  h5wasm: ["packages/data"],
  echarts: ["packages/report"],
};

interface Import {
  readonly file: string;
  readonly specifier: string;
}

function importsUnder(folder: string): Import[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => /\.(ts|mjs)$/.test(file) && !file.includes("node_modules") && !/^dist\b/.test(file))
    .flatMap((file) => {
      const text = readFileSync(join(root, folder, file), "utf8");
      const found = text.matchAll(/(?:\bfrom|^import|\bimport\()\s*["']([^"']+)["']/gm);
      return [...found].map((match) => ({ file: join(folder, file), specifier: match[1]! }));
    });
}

const folders = (parent: string) => readdirSync(join(root, parent), { encoding: "utf8" });

describe("packages", () => {
  it("all have a row in the table of layers", () => {
    expect(folders("packages").sort()).toEqual(Object.keys(mayImport).sort());
  });

  it.each(folders("packages"))("%s imports only what lies below it", (name) => {
    const upward = importsUnder(join("packages", name, "src"))
      .filter(({ specifier }) => specifier.startsWith("@dinov2/"))
      .filter(({ specifier }) => {
        const target = specifier.split("/")[1]!;
        const ownTesting = target === name;
        return !ownTesting && !(mayImport[name] ?? []).includes(target);
      });
    expect(upward).toEqual([]);
  });

  it.each(folders("packages"))("%s declares every workspace package that it imports", (name) => {
    const manifest = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8")) as {
      dependencies?: Record<string, string>;
      devDependencies?: Record<string, string>;
    };
    const declared = { ...manifest.dependencies, ...manifest.devDependencies };
    const undeclared = importsUnder(join("packages", name, "src"))
      .map(({ specifier }) => specifier.match(/^@dinov2\/[^/]+/)?.[0])
      .filter((target) => target !== undefined && target !== `@dinov2/${name}` && !(target in declared));
    expect([...new Set(undeclared)]).toEqual([]);
  });
});

describe("front doors", () => {
  const everything = ["packages", "apps"].flatMap((parent) =>
    folders(parent).flatMap((name) => importsUnder(join(parent, name)).map((found) => ({ ...found, home: join(parent, name) }))),
  );

  it("are the only way from one package into another", () => {
    const sideDoors = everything.filter(({ file, specifier, home }) => {
      if (specifier.startsWith(".")) return relative(join(root, home), join(root, dirname(file), specifier)).startsWith("..");
      return /^@dinov2\/[^/]+\/(?!testing$)/.test(specifier);
    });
    expect(sideDoors).toEqual([]);
  });

  it("hide the third-party libraries behind their homes", () => {
    const strays = everything.filter(({ specifier, home }) =>
      Object.entries(homes).some(([library, owners]) => {
        const matches = library.endsWith("/") ? specifier.startsWith(library) : specifier.split("/")[0] === library;
        return matches && !owners.includes(home);
      }),
    );
    expect(strays).toEqual([]);
  });
});
