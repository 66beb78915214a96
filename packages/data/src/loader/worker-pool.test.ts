import type { Worker } from "node:worker_threads";
import { join } from "node:path";
import { expect, it } from "vitest";
import { evalTransformOptions } from "../eval-transform.ts";
import { encode, noiseImage, temporaryFolder } from "../testing.ts";
import { WorkerPool } from "./worker-pool.ts";

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
