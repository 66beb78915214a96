// What the conformance suite does not ask of the fused kernels: sizes that are cut over threads, numbers that are not
// finite, how exact the vector functions are, what is stored in bfloat16, and how much memory the prototypes take.
import { gelu, layerNorm, prototypeCrossEntropy, RandomStream, sinkhornKnopp, swiglu, tf, type Tensor, type Tensor2D } from "@dinov2/tensor";
import { erf, expectClose, normal, toTensor, uniform } from "@dinov2/tensor/testing";
import { beforeAll, describe, expect, it } from "vitest";
import type { LibtorchBackend } from "../backend.ts";
import { missing, start } from "../index.ts";
import { peakIsMeasurable } from "../testing/peak-bytes.ts";
import { runProgram } from "../testing/run-program.ts";
import { testDevice } from "../testing/test-device.ts";

const absent = await missing();

type Inputs = Readonly<Record<string, Tensor>> | readonly Tensor[];

const run = (kernel: string, inputs: Inputs, attributes: object = {}): Tensor[] =>
  [tf.engine().runKernel(kernel, inputs as tf.NamedTensorMap, attributes as tf.NamedAttrMap)].flat() as Tensor[];

/** Normal numbers, made fast. */
function random(...shape: number[]): Tensor {
  const values = new Float32Array(tf.util.sizeFromShape(shape));
  const stream = RandomStream.fromSeed(shape.length).split("fused", ...shape);
  const some = Float32Array.from({ length: Math.min(10_007, values.length) }, () => stream.normal());
  return tf.tensor(values.map((_, i) => some[i % some.length]!), shape);
}

const [rows, width, tokens] = [1031, 387, 17];
const some = Int32Array.from({ length: 701 }, (_, i) => (i * 37) % rows);
const samples = Int32Array.from({ length: 30 }, (_, i) => 2 * i);
const ones = (count: number) => tf.ones([count]);
const updates = { learningRates: [0.1, 0.2], weightDecays: [0.1, 0], gradientFactors: [1, 0.3], beta1: 0.9, beta2: 0.99, epsilon: 1e-8 };

/** One call of each kernel, on enough numbers to be cut; what it gives, or has written to. */
const calls: Readonly<Record<string, () => Tensor[]>> = {
  NearestRows: () => run("NearestRows", { queries: random(rows, width), bank: random(tokens * some.length, width), floors: tf.zeros([rows]) }, { k: 50 }).slice(0, 1),
  LayerNormFused: () => run("LayerNormFused", { x: random(rows, width), weight: random(width), bias: ones(width) }, { epsilon: 1e-6 }),
  LayerNormFusedGrad: () => {
    const x = random(rows, width);
    return run("LayerNormFusedGrad", { dy: tf.sin(x), x, weight: random(width), mean: random(rows), rstd: ones(rows) });
  },
  GeluFused: () => run("GeluFused", { x: random(rows, width) }),
  GeluFusedGrad: () => run("GeluFusedGrad", { dy: random(rows, width), x: random(rows, width) }),
  SwigluFused: () => run("SwigluFused", { x: random(rows, 2 * width) }),
  SwigluFusedGrad: () => run("SwigluFusedGrad", { dy: random(rows, width), x: random(rows, 2 * width) }),
  LayerScaleResidual: () => run("LayerScaleResidual", { x: random(rows, width), residual: random(rows, width), gamma: random(width) }),
  LayerScaleResidualGrad: () => run("LayerScaleResidualGrad", { dy: random(rows, width), residual: random(rows, width), gamma: random(width) }),
  AddResidualSubset: () =>
    run("AddResidualSubset", { x: random(61, tokens, width), residual: random(30, tokens, width), gamma: random(width) }, { indices: samples, scales: new Float32Array(30).fill(2) }),
  AddResidualSubsetGrad: () =>
    run("AddResidualSubsetGrad", { dy: random(61, tokens, width), residual: random(30, tokens, width), gamma: random(width) }, { indices: samples, scales: new Float32Array(30).fill(2) }),
  GatherRows: () => run("GatherRows", { x: random(rows, width) }, { indices: some }),
  GatherRowsScaled: () => run("GatherRowsScaled", { x: random(rows, width) }, { indices: some, scales: Float32Array.from(some, (i) => i / rows) }),
  ScaledLinearGrad: () =>
    run("ScaledLinearGrad", { products: random(rows, width), weight: random(rows, width), gamma: random(rows), sums: tf.sin(random(rows)), bias: ones(rows) }),
  GatherRowsGrad: () => run("GatherRowsGrad", { dy: random(some.length, width) }, { indices: some, rows: 700 + rows }),
  L2Normalize: () => run("L2Normalize", { x: random(rows, width) }, { epsilon: 1e-12 }),
  L2NormalizeGrad: () => run("L2NormalizeGrad", { dy: random(rows, width), y: random(rows, width), norm: ones(rows) }, { epsilon: 1e-12 }),
  WeightNorm: () => run("WeightNorm", { v: random(rows, width), g: random(rows, 1) }),
  WeightNormGrad: () => run("WeightNormGrad", { dy: random(rows, width), v: random(rows, width), g: random(rows, 1), norm: ones(rows) }),
  PrototypeCrossEntropy: () => run("PrototypeCrossEntropy", { student: random(37, 20_011), teacher: random(37, 20_011) }, { temperature: 0.1 }),
  PrototypeCrossEntropyGrad: () => {
    const inputs = { dy: random(37), student: random(37, 20_011), teacher: random(37, 20_011), logSumExp: tf.fill([37], 30), mass: ones(37) };
    return run("PrototypeCrossEntropyGrad", inputs, { temperature: 0.1 });
  },
  SinkhornKnopp: () => run("SinkhornKnopp", { logits: random(101, 20_011) }, { temperature: 0.5, iterations: 3 }),
  GlobalNorm: () => run("GlobalNorm", [random(rows, width), random(3), random(rows, 7)], { counts: [2, 1] }),
  AdamWUpdate: () => {
    const four = (count: number) => [random(rows, count), random(rows, count), tf.zeros([rows, count]), tf.ones([rows, count])];
    const inputs = [...four(width), ...four(7)];
    run("AdamWUpdate", inputs, { ...updates, firstCorrection: 0.1, secondCorrection: 0.01 });
    return inputs;
  },
  EmaUpdate: () => {
    const inputs = [random(rows, width), random(rows, width), random(3), random(3)];
    run("EmaUpdate", inputs, { momentum: 0.9 });
    return inputs;
  },
};

const bits = (tensors: Tensor[]) => tensors.map((tensor) => new Int32Array((tensor.dataSync() as Float32Array).buffer));
const values = (x: Tensor) => [...x.dataSync()];
const bytesOf = (make: () => Tensor | Tensor[]) => {
  const backend = tf.backend() as LibtorchBackend;
  const before = backend.nativeMemory().bytes;
  const made = [make()].flat();
  const bytes = backend.nativeMemory().bytes - before;
  tf.dispose(made);
  return bytes;
};

describe.skipIf(absent)("the fused kernels", () => {
  it.each(Object.keys(calls))("%s gives the same bits on one thread and on two", async (kernel) => {
    const results: Int32Array[][] = [];
    for (const threads of [1, 2]) {
      await start({ device: "cpu", threads });
      results.push(tf.tidy(() => bits(calls[kernel]!())));
    }
    expect(results[0]!.some((result) => result.length > 0)).toBe(true);
    results[0]!.forEach((one, i) => expect(Buffer.compare(Buffer.from(one.buffer), Buffer.from(results[1]![i]!.buffer))).toBe(0));
  });

  it.each(Object.keys(calls))("%s gives with our loops what LibTorch's own ops give", async (kernel) => {
    const results: Float32Array[][] = [];
    for (const processorLoops of [true, false]) {
      await start({ device: "cpu", processorLoops });
      results.push(tf.tidy(() => calls[kernel]!().map((tensor) => tensor.dataSync() as Float32Array)));
    }
    // Sums over a thousand rows: of numbers around 30 here, to float32.
    results[0]!.forEach((ours, i) => expectClose(ours, results[1]![i]!, { absolute: 5e-4, relative: 5e-5 }));
  });
});

describe.skipIf(absent)("the vector functions", () => {
  beforeAll(() => start({ device: "cpu" }));

  /** Many numbers between the limits, and the largest error beside max(1, |x|) of `compute` there. */
  function worst(low: number, high: number, compute: (x: Tensor) => Tensor, define: (x: number) => number): number {
    const points = uniform([200_003], low, high);
    return tf.tidy(() => {
      const got = compute(toTensor(points)).dataSync();
      return points.data.reduce((most, x, i) => Math.max(most, Math.abs(got[i]! - define(x)) / Math.max(1, Math.abs(x))), 0);
    });
  }

  it("give GELU and its slope within 2e-7", () => {
    const distribution = (x: number) => 0.5 * (1 + erf(x / Math.SQRT2));
    const density = (x: number) => Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
    expect(worst(-20, 20, gelu, (x) => x * distribution(x))).toBeLessThan(2e-7);
    const slope = (x: Tensor) => run("GeluFusedGrad", { dy: tf.onesLike(x), x })[0]!;
    expect(worst(-20, 20, slope, (x) => distribution(x) + x * density(x))).toBeLessThan(2e-7);
  });

  it("give e^x within 3e-7 of its value wherever that is a float and 1.7e-38 or more, in the gradient of the cross-entropy", () => {
    const points = uniform([1, 100_003], -86.9, 88.7);
    const exponential = (x: Tensor) => tf.tidy(() => {
      const [zero, one] = [tf.zeros([1]), tf.ones([1])];
      return run("PrototypeCrossEntropyGrad", { dy: one, student: x, teacher: tf.zerosLike(x), logSumExp: zero, mass: one }, { temperature: 1 })[0]!;
    });
    tf.tidy(() => {
      expectClose(exponential(toTensor(points)), points.data.map(Math.exp), { absolute: 0, relative: 3e-7 });
      expect(values(exponential(tf.tensor2d([[-1e30, -200, -Infinity, 100, 1e30, Infinity, NaN, 0]])))).toEqual([0, 0, 0, Infinity, Infinity, Infinity, NaN, 1]);
    });
  });

  it("pass numbers on that are not finite", () => {
    tf.tidy(() => {
      expect(values(gelu(tf.tensor1d([NaN, Infinity, 1e30, -1e30])))).toEqual([NaN, Infinity, Math.fround(1e30), 0]);
      expect(values(swiglu(tf.tensor2d([[NaN, Infinity, -1e30, 1, 1, 1]])))).toEqual([NaN, Infinity, -0]);
    });
  });
});

describe.skipIf(absent)("a NaN stays in its row", () => {
  beforeAll(() => start({ device: testDevice }));

  /** [3, 2000] with `value` in the middle row. */
  const withOne = (value: number) => tf.tidy(() => {
    const x = normal([3, 2000]).data;
    x[3000] = value;
    return tf.tensor2d(Float32Array.from(x), [3, 2000]);
  });

  it("of layer normalisation", () => {
    tf.tidy(() => {
      const y = layerNorm(withOne(NaN), tf.ones([2000]), tf.zeros([2000]), 1e-6) as Tensor2D;
      expect(values(tf.sum(y, 1)).map(Number.isNaN)).toEqual([false, true, false]);
    });
  });

  it("of the cross-entropy; a logit of -∞ is a probability of 0", () => {
    tf.tidy(() => {
      const teacher = tf.tensor2d(new Float32Array(6000).map((_, i) => (i === 3000 ? 0 : 1 / 2000)), [3, 2000]);
      expect(values(prototypeCrossEntropy(withOne(NaN), teacher, 1)).map(Number.isNaN)).toEqual([false, true, false]);
      const [, logSumExp] = run("PrototypeCrossEntropy", { student: withOne(-Infinity), teacher }, { temperature: 1 });
      const without = normal([3, 2000]).data.slice(2000, 4000).filter((_, i) => i !== 1000);
      expect(logSumExp!.dataSync()[1]).toBeCloseTo(Math.log(without.reduce((sum, x) => sum + Math.exp(x), 0)), 5);
    });
  });

  it("or takes the whole assignment with it: Sinkhorn-Knopp adds over rows and columns", () => {
    const assignment = sinkhornKnopp(withOne(NaN), 0.5);
    expect(values(assignment).every(Number.isNaN)).toBe(true);
    assignment.dispose();
  });
});

describe.skipIf(absent)("in bf16", () => {
  beforeAll(() => start({ device: testDevice, precision: "bf16" }));

  it("an activation, and the gradient into a branch, are stored in half the bytes; the residual stream is not", () => {
    const [x, weight, gamma] = [random(64, 32), random(32, 32), random(32)];
    const hidden = tf.matMul(x as Tensor2D, weight as Tensor2D);
    const bytes = (half: boolean) => 64 * 32 * (half ? 2 : 4);
    expect(bytesOf(() => run("GeluFused", { x: hidden }))).toBe(bytes(true));
    expect(bytesOf(() => run("GeluFusedGrad", { dy: x, x: hidden }))).toBe(bytes(true));
    expect(bytesOf(() => run("SwigluFused", { x: hidden }))).toBe(bytes(true) / 2);
    expect(bytesOf(() => run("LayerScaleResidual", { x, residual: hidden, gamma }))).toBe(bytes(false));
    expect(bytesOf(() => run("LayerScaleResidualGrad", { dy: x, residual: hidden, gamma }))).toBe(bytes(true) + 32 * 4);
    expect(bytesOf(() => run("WeightNorm", { v: x, g: tf.tidy(() => tf.ones([64, 1])) })[0]!)).toBeGreaterThanOrEqual(bytes(true));
    tf.dispose([x, weight, gamma, hidden]);
  });

  it("a kernel reads what is stored in bfloat16 as the numbers that it is", () => {
    tf.tidy(() => {
      const stored = tf.matMul(random(64, 32) as Tensor2D, random(32, 32) as Tensor2D);
      const widened = tf.tensor(stored.dataSync(), stored.shape);
      const gamma = random(32);
      const both = (kernel: string, inputs: (x: Tensor) => Record<string, Tensor>, attributes = {}) => {
        const [narrow, wide] = [run(kernel, inputs(stored), attributes), run(kernel, inputs(widened), attributes)];
        narrow.forEach((tensor, i) => expectClose(tensor, wide[i]!.dataSync(), { absolute: 1e-6, relative: 2 ** -8 }));
      };
      both("GeluFused", (x) => ({ x }));
      both("SwigluFusedGrad", (x) => ({ dy: tf.slice(x, [0, 0], [64, 16]), x }));
      both("LayerNormFusedGrad", (dy) => ({ dy, x: widened, weight: gamma, mean: tf.zeros([64]), rstd: tf.ones([64]) }));
      both("L2Normalize", (x) => ({ x }), { epsilon: 1e-12 });
      both("PrototypeCrossEntropy", (student) => ({ student, teacher: tf.softmax(widened) }), { temperature: 1 });
      both("SinkhornKnopp", (logits) => ({ logits }), { temperature: 5, iterations: 3 });
      both("GatherRowsGrad", (dy) => ({ dy }), { indices: Int32Array.from({ length: 64 }, (_, i) => i % 5), rows: 7 });
    });
  });
});

describe.skipIf(absent || !peakIsMeasurable)("over 65,536 prototypes", () => {
  it("cross-entropy and Sinkhorn-Knopp need no [R, K] besides their result", () => {
    const peaks = JSON.parse(runProgram("peak-memory")) as Record<"loss" | "gradient" | "assignment", number>;
    expect(peaks.loss).toBeLessThan(0.1);
    expect(peaks.gradient).toBeLessThan(1.1);
    // Sinkhorn-Knopp adds the columns up in parts of twelve rows.
    expect(peaks.assignment).toBeLessThan(1.2);
  });
});
