import type { FilePart } from "../datasets/file-part.ts";
import { runSample, type SampleJob, type SampleResult, type SampleTask } from "./sample-task.ts";
import { WorkerPool } from "./worker-pool.ts";

/** Where images are worked on. Results do not depend on which runner it is, or on how many threads it has. */
export interface SampleRunner {
  run(task: SampleTask): Promise<SampleResult>;
  /** Reads what images will soon be taken from, so that it is in the system's cache by then. Changes no result. */
  readAhead(part: FilePart): void;
  /** Gives all threads back; what is under way is dropped. */
  close(): Promise<void>;
}

/** `workers` threads, or this thread when it is 0. */
export function createRunner(job: SampleJob, workers: number): SampleRunner {
  if (workers > 0) return new WorkerPool(job, workers);
  let last: Promise<unknown> = Promise.resolve();
  return {
    // One after another: more pictures at once would only take memory, there is one thread to work on them.
    run(task) {
      const result = last.then(() => runSample(job, task));
      last = result.catch(() => undefined);
      return result;
    },
    readAhead: () => undefined,
    close: () => Promise.resolve(),
  };
}
