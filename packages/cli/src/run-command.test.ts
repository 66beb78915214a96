import { InputError } from "@dinov2/foundation";
import { Command } from "commander";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { addCommonOptions, backendOptions, type CommonOptions } from "./common-options.ts";
import { runProgram } from "./run-command.ts";

/** A program with one command that does `action`. */
function programWith(action: (options: CommonOptions) => unknown): Command {
  const train = addCommonOptions(new Command("train")).requiredOption("--model <model>");
  train.action(async (options: CommonOptions) => void (await action(options)));
  return new Command("dinov2").addCommand(train);
}

describe("runProgram", () => {
  let written: string;
  beforeEach(() => {
    written = "";
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      written += String(text);
      return true;
    });
  });
  afterEach(() => {
    vi.restoreAllMocks();
    process.exitCode = undefined;
    for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners("error");
  });

  it("passes the parsed options to the action and leaves the exit code alone", async () => {
    let got: unknown;
    const words = ["train", "--model", "m", "--threads", "2", "--precision", "bf16", "--device", "cuda:1", "--backend", "wasm"];
    expect(await runProgram(programWith((options) => (got = backendOptions(options))), words)).toBe(true);
    expect(got).toEqual({ name: "wasm", device: "cuda:1", precision: "bf16", threads: 2 });
    expect(process.exitCode).toBe(undefined);
  });

  it.each([
    [["train"], "dinov2: Required option '--model <model>' not specified. See: dinov2 train --help\n"],
    [["trian"], "dinov2: Unknown command 'trian'. Did you mean train? See: dinov2 --help\n"],
    [["train", "--modle", "x"], "dinov2: Unknown option '--modle'. Did you mean --model? See: dinov2 train --help\n"],
    [
      ["train", "--model", "x", "--threads", "many"],
      "dinov2: Option '--threads <N>' argument 'many' is invalid. Expected a whole number of at least 1. See: dinov2 train --help\n",
    ],
    [
      ["train", "--model", "x", "--backend", "torch"],
      "dinov2: Option '--backend <name>' argument 'torch' is invalid. Allowed choices are auto, libtorch, tensorflow, wasm, cpu. See: dinov2 train --help\n",
    ],
    [[], "dinov2: dinov2 needs a sub-command: train. See: dinov2 --help\n"],
  ])("answers %j with one line and exit code 2", async (words, line) => {
    expect(await runProgram(programWith(() => expect.unreachable()), words)).toBe(false);
    expect(written).toBe(line);
    expect(process.exitCode).toBe(2);
  });

  it("shows help on stdout, without the defaults that go without saying", async () => {
    let help = "";
    vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      help += String(text);
      return true;
    });
    await runProgram(programWith(() => expect.unreachable()), ["train", "--help"]);
    expect(help).toContain("--seed <N>");
    expect(help).toMatch(/seed of every random choice \(default: 0\)/);
    expect(help).not.toContain("default: false");
    expect([written, process.exitCode ?? 0]).toEqual(["", 0]);
  });

  it("prints an InputError of an action as one line, exit code 2", async () => {
    const fail = () => Promise.reject(new InputError("No image in pets/.\nGive another folder."));
    await runProgram(programWith(fail), ["train", "--model", "x"]);
    expect(written).toBe("dinov2: No image in pets/. Give another folder.\n");
    expect(process.exitCode).toBe(2);
  });

  it("prints any other failure without a stack, exit code 1", async () => {
    const fail = () => Promise.reject(new TypeError("x is not iterable"));
    await runProgram(programWith(fail), ["train", "--model", "x"]);
    expect(written).toBe("dinov2: x is not iterable\n(set DINOV2_DEBUG=1 to see where)\n");
    expect(process.exitCode).toBe(1);
  });
});
