// A loader thread: takes images, answers when their views are written. See `loader/worker-pool.ts` for the other end.

import { parentPort, workerData } from "node:worker_threads";
import { runSample, type SampleJob, type SampleTask } from "./loader/sample-task.ts";
import type { WorkerAnswer } from "./loader/worker-pool.ts";

const port = parentPort;
if (port === null) throw new Error("worker.ts runs as a worker thread only.");

const answer = (message: WorkerAnswer) => port.postMessage(message);

port.on("message", (message: { id: number; task: SampleTask } | null) => {
  if (message === null) return port.close();
  const { id, task } = message;
  runSample(workerData as SampleJob, task).then(
    (result) => answer({ id, result }),
    (error: unknown) => answer({ id, error: error instanceof Error ? error : new Error(String(error)) }),
  );
});
