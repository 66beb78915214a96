import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSafetensors } from "../safetensors/reader.ts";
import { openPth, type PthFile } from "./reader.ts";
import { PthTensor } from "./tensor-layout.ts";
import { Unpickler, type PthValue } from "./unpickle.ts";

// Written by torch.save, with the same values in safetensors beside them (tests/parity/fixtures/README.md).
const fixture = (name: string) => fileURLToPath(new URL(`../../../../tests/parity/fixtures/${name}`, import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pth-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** All tensors inside a value, by the keys that lead to them, joined by "/". */
function tensorsOf(value: PthValue, path = ""): Map<string, PthTensor> {
  if (value instanceof PthTensor) return new Map([[path, value]]);
  const children = value instanceof Map || Array.isArray(value) ? [...value.entries()] : [];
  return new Map(children.flatMap(([key, child]) => [...tensorsOf(child, path === "" ? String(key) : `${path}/${String(key)}`)]));
}

async function expectEqualTensors(pth: PthFile, safetensors: string): Promise<void> {
  const expected = await openSafetensors(safetensors);
  const tensors = tensorsOf(pth.value);
  expect([...tensors.keys()].sort()).toEqual(expected.names().sort());
  for (const [name, tensor] of tensors) {
    expect({ dtype: tensor.dtype, shape: tensor.shape }).toEqual(expected.info(name));
    expect(await pth.read(tensor)).toEqual(await expected.read(name));
  }
  await expected.close();
}

describe("openPth", () => {
  it.each(["statedict", "layouts", "training", "parameters", "legacy"])("reads %s, bit by bit", async (name) => {
    const pth = await openPth(fixture(`ckpt_${name}.pth`));
    await expectEqualTensors(pth, fixture(`ckpt_${name}.safetensors`));
    await pth.close();
  });

  it("gives numbers, strings and containers as they were saved", async () => {
    const pth = await openPth(fixture("ckpt_parameters.pth"));
    const value = pth.value as Map<string, PthValue>;
    expect(value.get("epoch")).toBe(7);
    expect(value.get("name")).toBe("tiny");
    expect(value.get("lr")).toBe(0.0001);
    expect(value.get("list")).toEqual([1, 2.5, null, true]);
    await pth.close();
  });

  it("refuses a file that ends early, or is none of torch's", async () => {
    const bytes = await readFile(fixture("ckpt_statedict.pth"));
    const path = join(folder, "short.pth");
    await writeFile(path, bytes.subarray(0, bytes.length - 200));
    await expect(openPth(path)).rejects.toThrow(/short\.pth is damaged: its (end is missing|directory is incomplete)/);
    await writeFile(path, "not a checkpoint at all");
    await expect(openPth(path)).rejects.toThrow("short.pth is not a file that torch.save wrote");
    await expect(openPth(join(folder, "none.pth"))).rejects.toThrow("Cannot open");
  });

  it("survives any single damaged byte of the pickle: a value or an InputError, never something else", async () => {
    const bytes = await readFile(fixture("ckpt_layouts.pth"));
    const start = bytes.indexOf(Buffer.from([0x80, 0x02, 0x63]));
    const pickle = bytes.subarray(start, start + 1047);
    for (let at = 0; at < pickle.length; at += 3) {
      const damaged = Buffer.from(pickle);
      damaged[at]! ^= 0x15;
      try {
        new Unpickler(damaged, "x.pth").load();
      } catch (error) {
        expect((error as Error).name).toBe("InputError");
      }
    }
  });
});

describe("Unpickler", () => {
  const load = (text: string) => new Unpickler(Buffer.from(text, "latin1"), "x.pth").load();

  it("runs no code: a function that is not a tensor's is an error that names it", () => {
    expect(() => load("\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.")).toThrow(
      "x.pth holds a Python object of os.system, which is not read",
    );
    expect(() => load("\x80\x02cbuiltins\neval\n.")).toThrow("builtins.eval");
  });

  it("refuses a tensor that reaches beyond its storage, or that a few bytes expand to fill the memory", () => {
    const tensor = (elements: string, shape: string, stride: string) =>
      load(
        "\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n" +
          `X\x01\x00\x00\x000X\x03\x00\x00\x00cpu${elements}tQK\x00${shape}\x85${stride}\x85\x89)tR.`,
      );
    expect((tensor("K\x04", "K\x04", "K\x01") as PthTensor).shape).toEqual([4]);
    expect(() => tensor("K\x04", "K\x05", "K\x01")).toThrow("a tensor [5] reaches beyond its storage");
    expect(() => tensor("K\x04", "J\xff\xff\xff\x7f", "K\x00")).toThrow("expanded from 4 numbers");
    expect(() => tensor("K\x04", "J\xff\xff\xff\xff", "K\x01")).toThrow("sizes and strides do not fit");
  });

  it("says so when the pickle breaks off", () => {
    expect(() => load("\x80\x02}q\x00(X\x05\x00\x00\x00ab")).toThrow("x.pth is damaged: its pickle breaks off at byte");
    expect(() => load("\x80\x02t.")).toThrow("x.pth is damaged");
  });
});
