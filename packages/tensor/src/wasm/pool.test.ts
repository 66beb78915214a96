import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compileKernels } from "./binary.ts";
import { fusedMultiplyAddKernels, plainKernels } from "./kernels.generated.ts";
import { float, KernelPool } from "./pool.ts";
import type { Heap } from "./pool.ts";
import { startSharedModule } from "./tfjs-module.ts";

const run = promisify(execFile);

let heap: Heap;
let pool: KernelPool;

beforeAll(async () => {
  ({ heap } = await startSharedModule());
  pool = new KernelPool(compileKernels().module, heap);
  await pool.resize(3);
});

afterAll(() => pool.resize(1));

const floats = (pointer: number, count: number) => new Float32Array(heap.memory.buffer, pointer, count);

describe("the pool of wasm threads", () => {
  it("runs every chunk of a job once, however many jobs follow each other", () => {
    const count = 4000;
    const teacher = heap.allocate(4 * count);
    const student = heap.allocate(4 * count);
    floats(student, count).fill(1);
    floats(teacher, count).fill(0);
    // teacher = 1 teacher + 1 student: a chunk run twice, or not at all, shows.
    const jobs = 2000;
    for (let job = 0; job < jobs; job++) pool.run("ema", 100, [teacher, student, count, 40, float(1), float(1)]);
    expect(new Set(floats(teacher, count))).toEqual(new Set([jobs]));
    heap.free(teacher);
    heap.free(student);
  });

  it("gives the same bytes on one thread and on three", async () => {
    const [rows, width] = [300, 96];
    const x = heap.allocate(4 * rows * width);
    const sums = heap.allocate(4 * 10 * width);
    floats(x, rows * width).forEach((_, i, all) => (all[i] = Math.sin(i)));
    const results: Float32Array[] = [];
    for (const threads of [3, 1, 3]) {
      await pool.resize(threads);
      pool.run("columnSums", 10, [x, sums, rows, width, 30]);
      results.push(floats(sums, 10 * width).slice());
    }
    expect(pool.threads).toBe(3);
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
    heap.free(x);
    heap.free(sums);
  });

  it("still works when the memory has grown", () => {
    const before = heap.memory.buffer.byteLength;
    const large = heap.allocate(before + 1024);
    expect(heap.memory.buffer.byteLength).toBeGreaterThan(before);
    floats(large, 400).fill(4);
    const sums = heap.allocate(8 * 10);
    pool.run("squareSums", 10, [large, sums, 400, 40]);
    expect([...new Float64Array(heap.memory.buffer, sums, 10)]).toEqual(Array.from({ length: 10 }, () => 640));
    heap.free(sums);
    heap.free(large);
  });

  it("refuses a kernel that is not there, and more chunks than a ticket counts", () => {
    expect(() => pool.run("ghost", 1, [])).toThrow('no kernel "ghost"');
    expect(() => pool.run("ema", 5000, [])).toThrow("at most 4095");
  });

  it("says so when a kernel fails on a worker, and goes on with the next job", () => {
    const sums = heap.allocate(8 * 400);
    // Beyond the memory's end: each chunk fails, also the calling thread's.
    const beyond = heap.memory.buffer.byteLength - 64;
    expect(() => pool.run("squareSums", 400, [beyond, sums, 400_000, 1000])).toThrow();
    pool.run("squareSums", 10, [sums, sums, 0, 0]);
    heap.free(sums);
  });
});

/** The numbers of a module's sections (WebAssembly core specification 5.5.2); 11 holds static data. */
function sectionIds(binary: Uint8Array): number[] {
  const ids: number[] = [];
  for (let at = 8; at < binary.length; ) {
    ids.push(binary[at++]!);
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = binary[at++]!;
      size |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    at += size;
  }
  return ids;
}

describe("the compiled kernels", () => {
  it("own no memory of the heap that they live on", () => {
    for (const binary of [plainKernels, fusedMultiplyAddKernels]) {
      const ids = sectionIds(Buffer.from(binary, "base64"));
      expect(ids).toContain(10); // Code: the walk arrived somewhere.
      expect(ids).not.toContain(11);
    }
  });
});

describe("the shared engine", () => {
  it("leaves no global and no listener behind", async () => {
    const globals = Object.getOwnPropertyNames(globalThis).sort();
    const listeners = process.listenerCount("unhandledRejection") + process.listenerCount("uncaughtException");
    await startSharedModule();
    expect(Object.getOwnPropertyNames(globalThis).sort()).toEqual(globals);
    expect(process.listenerCount("unhandledRejection") + process.listenerCount("uncaughtException")).toBe(listeners);
  });

  it("does not keep a program from ending", async () => {
    const program = `
      import { tf, useBackend } from "@dinov2/tensor";
      const { threads } = await useBackend({ name: "wasm", threads: 3 });
      console.log(threads, tf.matMul(tf.ones([200, 200]), tf.ones([200, 200])).dataSync()[0]);`;
    const node = ["--conditions=@dinov2/source", "--import", "tsx", "--input-type=module", "--eval", program];
    const { stdout } = await run(process.execPath, node, { timeout: 200_000, cwd: import.meta.dirname });
    expect(stdout).toBe("3 200\n");
  });
});
