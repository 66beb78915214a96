// A loader thread: takes images, answers when their views are written. See `loader/worker-pool.ts` for the other end.

import { parentPort, workerData } from "node:worker_threads";
import { readAhead } from "./datasets/file-part.ts";
import { runSample, type SampleJob, type SampleTask } from "./loader/sample-task.ts";
import type { WorkerAnswer, WorkerMessage } from "./loader/worker-pool.ts";

/** So that one picture is decoded (by libvips' thread) while the views of another are made. */
const tasksAtOnce = 2;

const port = parentPort;
if (port === null) throw new Error("worker.ts runs as a worker thread only.");

const waiting: { id: number; task: SampleTask }[] = [];
let underWay = 0;

port.on("message", (message: WorkerMessage) => {
  if (message === null) {
    waiting.length = 0;
    port.close();
    return;
  }
  if ("readAhead" in message) {
    // Who wants the images themselves hears what is wrong with the file.
    readAhead(message.readAhead).catch(() => undefined);
    return;
  }
  waiting.push(message);
  if (underWay < tasksAtOnce) void work();
});

async function work(): Promise<void> {
  underWay++;
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) port!.postMessage(await answerTo(next));
  underWay--;
}

async function answerTo({ id, task }: { id: number; task: SampleTask }): Promise<WorkerAnswer> {
  try {
    return { id, result: await runSample(workerData as SampleJob, task) };
  } catch (error) {
    return { id, error: error instanceof Error ? error : new Error(String(error)) };
  }
}
