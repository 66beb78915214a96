import type { Worker } from "node:worker_threads";
import { join } from "node:path";
import { expect, it } from "vitest";
import { evalTransformOptions } from "../eval-transform.ts";
import { encode, noiseImage, temporaryFolder } from "../testing.ts";
import { WorkerPool } from "./worker-pool.ts";

it("goes on while the asking thread is busy, as it is during a training step", async () => {
  const folder = await temporaryFolder({ "a.png": await encode(noiseImage(40, 40)) });
  const options = evalTransformOptions({ resizeSize: 32, cropSize: 32 });
  const pool = new WorkerPool({ view: "evaluation", options, decode: {} }, 1);
  const rows = 12;
  const stack = new Float32Array(new SharedArrayBuffer(rows * 3 * 32 * 32 * 4));
  const task = (row: number) => ({ image: join(folder, "a.png"), keepDecoded: false, row, rowCount: rows, outputs: [stack] });
  await pool.run(task(0));
  const asked = Array.from({ length: rows }, (_, row) => pool.run(task(row)));
  const last = stack.subarray((rows - 1) * 3 * 32 * 32);
  const deadline = performance.now() + 20_000;
  // No turn of this thread's event loop from here on.
  while (last.at(-1) === 0 && performance.now() < deadline) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  expect(last.at(-1)).not.toBe(0);
  await Promise.all(asked);
  await pool.close();
});

it("says so when a thread dies, to who waits for it and to who asks later", async () => {
  const folder = await temporaryFolder({ "a.png": await encode(noiseImage(40, 40)) });
  const options = evalTransformOptions({ resizeSize: 32, cropSize: 32 });
  const pool = new WorkerPool({ view: "evaluation", options, decode: {} }, 1);
  const outputs = [new Float32Array(new SharedArrayBuffer(3 * 32 * 32 * 4))];
  const task = { image: join(folder, "a.png"), keepDecoded: false, row: 0, rowCount: 1, outputs };
  expect(await pool.run(task)).toEqual({});
  const waiting = pool.run(task);
  const { members } = pool as unknown as { members: readonly { readonly worker: Worker }[] };
  void members[0]!.worker.terminate();
  await expect(waiting).rejects.toThrow("A loader thread ended unexpectedly");
  await expect(pool.run(task)).rejects.toThrow("A loader thread ended unexpectedly");
  await pool.close();
});
