// What a program should not do gives an Error that says what came, and the process goes on.
import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Worker } from "node:worker_threads";
import { RandomStream, tf } from "@dinov2/tensor";
import { expectNoLeaks } from "@dinov2/tensor/testing";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Addon, loadAddon } from "./addon.ts";
import { type LibtorchBackend, start } from "./index.ts";
import { Draw, type Operand } from "./testing/draw.ts";
import { runProgram } from "./testing/run-program.ts";
import { testDevice } from "./testing/test-device.ts";

const loaded = loadAddon();
if (typeof loaded === "string") {
  console.log(`skipped: backend libtorch, as ${loaded}`);
  it.skip(`backend libtorch: ${loaded}`, () => {});
} else {
  const { addon, build } = loaded;
  describe("the libtorch backend", () => {
    beforeAll(() => start({ device: testDevice }));
    afterEach(() => expect(tf.tidy(() => tf.add([1, 2], [3, 4]).dataSync())).toEqual(Float32Array.of(4, 6)));
    describe("refuses, and goes on", () => programTests(addon.kernelNames()));
    describe("through its addon refuses, and goes on", () => addonTests(addon));
    it("refuses to serve a second thread of the process", () => secondThreadTest(build.addon));
    it("keeps no tensor of a thread that has ended, and serves the next one", () => endedThreadTest(build.addon));
  });
}

const run = (kernel: string, inputs: tf.NamedTensorMap | tf.Tensor[], attributes: object = {}) =>
  tf.engine().runKernel(kernel, inputs as tf.NamedTensorMap, attributes as tf.NamedAttrMap);

/** What Linux says of a control group that leaves nothing of 2^45 bytes but 50 MB of files: `folder` is where its hierarchy is mounted. */
const controlGroups = {
  "version 1, with controllers mounted together": (folder: string) => ({
    cgroup: "5:pids:/else\n4:cpu,memory:/docker/x\n0::/else\n",
    mountinfo: `35 31 0:32 /docker ${folder} rw - cgroup cgroup rw,cpu,memory\n`,
    "x/memory.limit_in_bytes": `${2 ** 45}\n`,
    "x/memory.usage_in_bytes": `${2 ** 45}\n`,
    "x/memory.stat": "cache 1\ntotal_inactive_file 30000000\ntotal_active_file 20000000\n",
  }),
  "version 2": (folder: string) => ({
    cgroup: "0::/user/x/y\n",
    mountinfo: `41 31 0:38 / ${folder} rw shared:4 - cgroup2 cgroup2 rw\n`,
    "user/x/memory.max": `${2 ** 45}\n`,
    "user/x/memory.current": `${2 ** 45}\n`,
    "user/x/memory.stat": "anon 1\ninactive_file 30000000\nactive_file 20000000\n",
    "user/x/y/memory.max": "max\n",
  }),
};

/** Arguments of `unshare`: a program that finds its control group described in the first argument, a folder. */
const inGroup = ["-m", "sh", "-c", 'for file in cgroup mountinfo; do mount --bind "$0/$file" /proc/$$/$file || exit 1; done; exec "$@"'];

/** `body` with the folder of such a description. */
function withGroup<T>(version: keyof typeof controlGroups, body: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "dinov2-group-"));
  try {
    for (const [name, text] of Object.entries(controlGroups[version](folder))) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    return body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Needs the rights of root. */
const canPretendGroups = () => process.platform === "linux" && withGroup("version 2", (folder) => spawnSync("unshare", [...inGroup, folder, "true"]).status === 0);

const disposed = "was used after it was disposed of";

function programTests(addonNames: readonly string[]): void {
  it("a tensor after it was disposed of", () => {
    const tensor = tf.tensor1d([1, 2]);
    const { dataId } = tensor;
    tensor.dispose();
    expect(() => tf.add(tensor, 1)).toThrow(disposed);
    expect(() => (tf.backend() as LibtorchBackend).run("Neg", [{ dataId, shape: [2], dtype: "float32" }])).toThrow(disposed);
    expect(() => (tf.backend() as LibtorchBackend).readSync(dataId)).toThrow(disposed);
  });

  it("shapes that do not fit, with the op and both shapes", () => {
    const [a, b] = [tf.ones([2, 3]), tf.ones([4])];
    expect(() => run("Add", { a, b })).toThrow(/^Add\(\[2, 3\] float32, \[4\] float32\): The size of tensor a \(3\) must match/);
    expect(() => run("BatchMatMul", { a, b: a }, { transposeA: false, transposeB: false })).toThrow(/^BatchMatMul\(\[2, 3\] float32, \[2, 3\] float32\): /);
    expect(() => run("Concat", [a, b], { axis: 0 })).toThrow();
    expect(() => run("Slice", { x: a }, { begin: [0, 2], size: [2, 2] })).toThrow();
    expect(() => run("Transpose", { x: a }, { perm: [1, 1] })).toThrow(/^Transpose\(\[2, 3\] float32\): /);
    expect(() => run("Conv2D", { x: tf.ones([1, 4, 4, 3]), filter: tf.ones([2, 2, 5, 1]) }, { strides: 1, pad: "same", dataFormat: "NHWC", dilations: 1 })).toThrow();
    tf.dispose([a, b]);
  });

  it("indices outside of their axis, by name", () => {
    const x = tf.ones([3, 2]);
    for (const index of [3, -1, 2 ** 30]) {
      const message = `the index ${index} is not in [0, 2]`;
      const [indices, nested] = [tf.tensor1d([0, index], "int32"), tf.tensor2d([[index]], [1, 1], "int32")];
      expect(() => tf.gather(x, indices)).toThrow(message);
      expect(() => tf.gatherND(x, nested)).toThrow(message);
      expect(() => tf.scatterND(nested, tf.ones([1, 2]), [3, 2])).toThrow(message);
      expect(() => tf.tensorScatterUpdate(x, nested, tf.ones([1, 2]))).toThrow(message);
      expect(() => tf.sparseToDense(nested, [1], [3])).toThrow(message);
      tf.dispose([indices, nested]);
    }
    x.dispose();
  });

  it("int32 divided by 0, and the smallest one by -1, which stop a C program: they give what JavaScript gives", () => {
    const [a, b] = [tf.tensor1d([-(2 ** 31), 7, -7], "int32"), tf.tensor1d([-1, 0, 2], "int32")];
    tf.tidy(() => {
      expect(tf.floorDiv(a, b).dataSync()).toEqual(Int32Array.of(-(2 ** 31), 0, -4));
      expect(tf.mod(a, b).dataSync()).toEqual(Int32Array.of(0, 0, 1));
      expect(tf.cast(tf.tensor1d([NaN, Infinity, 1e20, -1.9]), "int32").dataSync()).toEqual(Int32Array.of(0, 0, 0, -1));
    });
    tf.dispose([a, b]);
  });

  it("what fits into no memory, and leaks nothing", () => {
    for (const shape of [[2 ** 50], [2 ** 40, 2 ** 10], [2 ** 31, 2 ** 31, 2 ** 31]]) {
      expect(() => run("Fill", {}, { shape, value: 1, dtype: "float32" })).toThrow(/^Fill\(\): /);
    }
    expect(() => run("Fill", {}, { shape: [2 ** 50], value: 1, dtype: "float32" })).toThrow("out of memory");
    expectNoLeaks(() => {
      const x = tf.ones([2 ** 12]);
      expect(() => tf.tile(x, [2 ** 44])).toThrow("out of memory");
      return x;
    });
  });

  it("dtypes that LibTorch tensors do not have here", () => {
    expect(() => tf.tensor1d(["a", "b"])).toThrow("The libtorch backend has no string tensors; it has float32, int32, bool.");
    expect(() => tf.complex([1], [2])).toThrow("Kernel 'Complex' not registered for backend 'libtorch'");
    expect(() => tf.cast([1], "complex64")).toThrow("complex64");
  });

  it("dtypes that an op does not take, with the op", () => {
    const truth = tf.tensor1d([true, false]);
    expect(() => run("Sub", { a: truth, b: truth })).toThrow(/^Sub\(\[2\] bool, \[2\] bool\): /);
    expect(() => run("Neg", { x: truth })).toThrow(/^Neg\(\[2\] bool\): /);
    truth.dispose();
  });

  it("a kernel that it does not have, by name", () => {
    expect(() => tf.spectral.fft(tf.complex([1], [2]))).toThrow("not registered for backend 'libtorch'");
    expect(() => tf.image.transform(tf.ones([1, 2, 2, 1]) as tf.Tensor4D, tf.ones([1, 8]) as tf.Tensor2D)).toThrow("Kernel 'Transform' not registered for backend 'libtorch'");
    expect(() => (tf.backend() as LibtorchBackend).run("Nothing", [])).toThrow("number of a kernel was expected");
  });

  it("any tensors and any attributes, each kernel", () => {
    const draw = new Draw(RandomStream.fromSeed(5));
    expectNoLeaks(() => {
      for (const kernel of addonNames) for (let repeat = 0; repeat < 8; repeat++) runNonsense(kernel, draw);
      return [];
    });
  });

  it("fused kernels, tensors of which one does not fit, with its place", () => tf.tidy(() => {
    const [x, width, short] = [tf.ones([4, 6]), tf.ones([6]), tf.ones([5])];
    const whole = tf.ones([4, 6], "int32");
    expect(() => run("LayerNormFused", { x, weight: width, bias: short }, { epsilon: 1 })).toThrow("input 2 was expected to be float32 [D]");
    expect(() => run("GeluFusedGrad", { dy: x, x: tf.ones([6, 4]) })).toThrow("input 1 was expected to be float32 [=]");
    expect(() => run("SwigluFused", { x: tf.ones([4, 5]) })).toThrow("input 0 was expected to be float32 [R 2H]");
    expect(() => run("GeluFused", { x: whole })).toThrow("input 0 was expected to be float32");
    expect(() => run("GatherRows", { x }, { indices: Int32Array.of(1, 4) })).toThrow("the index 4 is not in [0, 3]");
    expect(() => run("BlockDiagonalAttention", { qkv: x }, { segments: [{ count: 1, length: 3 }], heads: 1 })).toThrow("the segments cover 3 rows");
    expect(() => run("BlockDiagonalAttention", { qkv: x }, { segments: [{ count: 1, length: 4 }], heads: 0 })).toThrow("3 × 0 heads");
    expect(() => run("EmaUpdate", { 0: x, 1: width }, { momentum: 0.5 })).toThrow("of the shape of input 0");
    expect(() => run("GlobalNorm", { 0: x }, { counts: [2] })).toThrow("is no number of tensors");
  }));

  it("images of no channels, by whose number it would divide", () => tf.tidy(() => {
    const [x, dy, filter] = [tf.zeros([1, 4, 4, 0]), tf.zeros([1, 3, 3, 0]), tf.zeros([2, 2, 0, 1])];
    const attributes = { strides: 1, pad: "valid", dilations: 1, dataFormat: "NHWC", filterShape: filter.shape, inputShape: x.shape };
    expect(() => run("DepthwiseConv2dNative", { x, filter }, attributes)).toThrow("an image of no channels");
    expect(() => run("DepthwiseConv2dNativeBackpropFilter", { x, dy }, attributes)).toThrow("an image of no channels");
    expect(() => run("DepthwiseConv2dNativeBackpropInput", { dy, filter }, attributes)).toThrow("an image of no channels");
  }));

  it("no rows to learn a regression from, whose loss and gradient are 0", () => tf.tidy(() => {
    const features = { x: tf.zeros([0, 3]), labels: tf.tensor1d([], "int32") };
    const [sums, gradient] = run("SoftmaxRegression", { ...features, mean: tf.zeros([3, 2], "int32"), weights: tf.ones([2, 4, 2], "int32") }) as unknown as tf.Tensor[];
    expect(sums!.dataSync()).toEqual(new Int32Array(4));
    expect(gradient!.dataSync()).toEqual(new Int32Array(16));
  }));

  // Under a sanitizer the memory is its own, and a GPU has no such rooms.
  it.skipIf(testDevice !== "cpu" || process.platform !== "linux" || "ASAN_OPTIONS" in process.env).each([
    ["read", "Reading a tensor: no Float32Array of 100663296 values: Array buffer allocation failed"],
    ["attention", "BlockDiagonalAttention([65536, 192] float32): out of memory"],
  ])("a request that the system has no memory for: %s", (request, message) => {
    expect(runProgram("little-memory", [request])).toContain(message);
  });

  it.skipIf(testDevice !== "cpu" || !canPretendGroups() || "ASAN_OPTIONS" in process.env).each([
    ["version 1, with controllers mounted together", "x/memory.usage_in_bytes"],
    ["version 2", "user/x/memory.current"],
  ] as const)("more than its control group, a container's, has left: %s", (version, usage) => withGroup(version, (folder) => {
    expect(JSON.parse(runProgram("group-memory", [join(folder, usage)], ["unshare", ...inGroup, folder]))).toEqual({
      tensor: expect.stringContaining("Fill(): out of memory"),
      "scratch for resizing": expect.stringContaining("ResizeBilinear([1, 1, 1, 1] float32): out of memory"),
      "scratch for rows": expect.stringContaining("GatherRowsGrad([1, 1] float32): out of memory"),
      "scratch for neighbours": expect.stringContaining("NearestRows([1, 4000000] float32, [1, 4000000] float32, [1] float32): out of memory"),
      "pages that went back": expect.stringContaining("Fill(): out of memory"),
      "a free block that grows": "done",
    });
  }));

  it("attributes that make no sense", () => {
    const x = tf.ones([2, 3]);
    const truth = (kernel: string, attributes: object) => expect(() => run(kernel, { x }, attributes), `${kernel} ${JSON.stringify(attributes)}`);
    truth("Sum", { axis: 5, keepDims: false }).toThrow("axis");
    truth("ArgMax", { axis: 2 }).toThrow("axis");
    truth("TopK", { k: 4, sorted: true }).toThrow("k = 4 is not in [0, 3]");
    truth("TopK", { k: -1, sorted: true }).toThrow("k = -1 is not in [0, 3]");
    truth("TopK", { k: NaN, sorted: true }).toThrow("came where a whole number was expected");
    truth("Tile", { reps: [2] }).toThrow(/^Tile\(/);
    truth("Tile", { reps: [-1, 2] }).toThrow();
    truth("PadV2", { paddings: [[1, 1]], constantValue: 0 }).toThrow("2 numbers came where 4 were expected");
    truth("PadV2", { paddings: [[-3, 0], [0, 0]], constantValue: 0 }).toThrow();
    truth("MirrorPad", { paddings: [[0, 2], [0, 0]], mode: "reflect" }).toThrow("the paddings of axis 0 are not in [0, 1]");
    truth("Reshape", { shape: [4] }).toThrow("Size(6) must match the product of shape 4");
    x.dispose();
  });
}

/** Random tensors, and random attributes in place of those that a kernel reads. */
function nonsenseFor(draw: Draw): { operands: Operand[]; attributes: (number | number[])[] } {
  const usual = draw.shape({ most: 4 });
  const operands = draw.list(draw.integer(0, 5), () => draw.any(draw.chance(0.6) ? usual : draw.shape({ most: 4 })));
  const number = () => (draw.chance(0.1) ? draw.pick([NaN, 1e18, -1e18, 2 ** 50, 0.5]) : draw.integer(-3, 6));
  const attributes = draw.list(draw.integer(0, 8), () => (draw.chance(0.5) ? number() : draw.list(draw.integer(0, 5), number)));
  return { operands, attributes };
}

/** Runs a kernel of the addon on nonsense; what it makes of it all the same is disposed of. */
function runNonsense(kernel: string, draw: Draw): void {
  const { operands, attributes } = nonsenseFor(draw);
  const backend = tf.backend() as LibtorchBackend;
  tf.tidy(() => {
    const inputs = operands.map(({ values, shape, dtype }) => tf.tensor(values, shape, dtype));
    try {
      backend.run(kernel, inputs, attributes).forEach(({ dataId }) => backend.disposeData(dataId));
    } catch (error) {
      expect((error as Error).message).toContain(kernel);
    }
  });
}

async function secondThreadTest(addonFile: string): Promise<void> {
  const program = `
    const { parentPort, workerData } = require("node:worker_threads");
    const addon = require(workerData);
    const calls = [() => addon.about(), () => addon.setFrame(new Float64Array(8)), () => addon.run(0, 1), () => addon.create(new Float32Array(1), 0, [1])];
    const messageOf = (call) => { try { call(); return "no error"; } catch (error) { return error.message; } };
    parentPort.postMessage(calls.map(messageOf));`;
  const [messages] = (await once(new Worker(program, { eval: true, execArgv: [], workerData: addonFile }), "message")) as [string[]];
  expect(messages).toEqual(Array(4).fill("The LibTorch backend runs in one thread of a process; another one has started it."));
}

/** In a process of its own, whose threads have the addon one after the other. */
function endedThreadTest(addonFile: string): void {
  const thread = `
    const { parentPort, workerData } = require("node:worker_threads");
    const addon = require(workerData);
    addon.setFrame(new Float64Array(8));
    const handle = addon.create(new Float32Array(2 ** 20), 0, [2 ** 20]);
    parentPort.postMessage({ handle, ...addon.memory() });`;
  const program = `
    const { once } = require("node:events");
    const { Worker } = require("node:worker_threads");
    const nextThread = async () => {
      const worker = new Worker(${JSON.stringify(thread)}, { eval: true, workerData: process.argv[1] });
      const [[kept]] = await Promise.all([once(worker, "message"), once(worker, "exit")]);
      return kept;
    };
    const read = (addon, handle) => { try { return addon.read(handle).length; } catch (error) { return error.message; } };
    (async () => {
      const threads = [await nextThread(), await nextThread()];
      const addon = require(process.argv[1]);
      addon.setFrame(new Float64Array(8));
      console.log(JSON.stringify({ threads, left: addon.memory(), read: read(addon, threads[0].handle) }));
    })();`;
  const { threads, left, read } = JSON.parse(execFileSync(process.execPath, ["-e", program, addonFile], { encoding: "utf8" })) as Record<string, unknown>;
  expect(threads).toMatchObject(Array(2).fill({ tensors: 1, bytes: 2 ** 22 }));
  expect(left).toMatchObject({ tensors: 0, bytes: 0 });
  expect(read).toContain(disposed);
}

function addonTests(addon: Addon): void {
  const wrongs = [undefined, null, NaN, -1, 0.5, Infinity, -Infinity, 2 ** 60, "1", {}, [], () => {}, Symbol("no number"), 12n];
  const any = addon as unknown as Record<string, (...values: unknown[]) => unknown>;

  it("handles that are none", () => {
    for (const name of ["release", "read", "readAsync", "owners"]) {
      for (const wrong of [...wrongs, 2 ** 40, 0xffffff]) expect(() => any[name]!(wrong), `${name}(${String(wrong)})`).toThrow();
      expect(() => any[name]!()).toThrow();
    }
  });

  it("a handle after its release", () => {
    const handle = addon.create(Float32Array.of(1), 0, [1]);
    addon.release(handle);
    const [other] = [addon.create(Float32Array.of(2), 0, [1])];
    for (const name of ["release", "read", "readAsync", "owners"]) expect(() => any[name]!(handle)).toThrow(disposed);
    expect(addon.read(other)).toEqual(Float32Array.of(2));
    addon.release(other);
  });

  it("values, dtypes and sizes that make no tensor", () => {
    const one = Float32Array.of(1);
    const create = any["create"]!;
    for (const wrong of wrongs) {
      expect(() => create(wrong, 0, [1]), `values ${String(wrong)}`).toThrow();
      expect(() => create(one, wrong, [1]), `dtype ${String(wrong)}`).toThrow();
      expect(() => create(one, 0, [wrong]), `size ${String(wrong)}`).toThrow();
      if (!Array.isArray(wrong)) expect(() => create(one, 0, wrong), `sizes ${String(wrong)}`).toThrow();
    }
    expect(() => create()).toThrow();
    expect(() => create(new DataView(new ArrayBuffer(4)), 0, [1])).toThrow();
    expect(() => create(one, 3, [1])).toThrow("unknown dtype 3");
    expect(() => create(one, 0, [2])).toThrow("4 bytes came, the shape needs 8");
    expect(() => create(one, 0, [2 ** 50])).toThrow();
  });

  it("takes values that threads share", () => {
    const shared = new Float32Array(new SharedArrayBuffer(8));
    shared.set([3, 4]);
    const handle = addon.create(shared, 0, [2]);
    expect(addon.read(handle)).toEqual(Float32Array.of(3, 4));
    addon.release(handle);
  });

  it("numbers of kernels that are none", () => {
    for (const wrong of [...wrongs, addon.kernelNames().length]) {
      expect(() => any["run"]!(wrong, 1), String(wrong)).toThrow("number of a kernel was expected");
    }
    for (const wrong of [...wrongs, 2 ** 20]) expect(() => any["run"]!(0, wrong), String(wrong)).toThrow("length of a call was expected");
  });

  it("settings that are none", () => {
    for (const wrong of [undefined, null, NaN, "1"]) expect(() => any["configure"]!(wrong), String(wrong)).toThrow("the options are no object");
    expect(() => any["configure"]!({ device: 5 })).toThrow();
    expect(() => any["configure"]!({ device: "tpu" })).toThrow();
    for (const threads of [0, -1, NaN, "two"]) expect(() => any["configure"]!({ threads }), String(threads)).toThrow();
  });

  it("frames that are none, or full of nonsense", () => {
    const usual = (tf.backend() as unknown as { frame: { frame: Float64Array } }).frame.frame;
    try {
      for (const wrong of [...wrongs, new Float32Array(8), new ArrayBuffer(8)]) expect(() => any["setFrame"]!(wrong)).toThrow();
      nonsense(addon);
    } finally {
      addon.setFrame(usual);
    }
  });
}

/** Every kernel on frames that are too short, and on counts, handles, ranks and sizes that are none. */
function nonsense(addon: Addon): void {
  const handle = addon.create(Float32Array.of(1, 2), 0, [2]);
  const bad = [NaN, -1, -2, 1e300, -1e300, Infinity, 0.5, 3, 2 ** 40];
  const frames = [[], [0], ...bad.map((n) => [n]), ...bad.map((n) => [1, n, 1, 2]), ...bad.map((n) => [1, handle, n, 2]), ...bad.map((n) => [1, handle, 1, n])];
  for (const values of frames) {
    const frame = Float64Array.from(values);
    addon.setFrame(frame);
    addon.kernelNames().forEach((name, kernel) => {
      frame.set(values);
      expect(() => addon.run(kernel, values.length), `${name} of [${values}]`).toThrow();
    });
  }
  addon.release(handle);
}
