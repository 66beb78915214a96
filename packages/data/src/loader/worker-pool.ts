import { Worker } from "node:worker_threads";
import type { FilePart } from "../datasets/file-part.ts";
import type { SampleJob, SampleResult, SampleTask } from "./sample-task.ts";
import { workerEntry } from "../worker-entry.ts";

interface Pending {
  readonly resolve: (result: SampleResult) => void;
  readonly reject: (error: Error) => void;
}

/** What a worker is sent: an image, something to read ahead, or null to end. */
export type WorkerMessage = { readonly id: number; readonly task: SampleTask } | { readonly readAhead: FilePart } | null;

/** What a worker answers to task `id`. */
export interface WorkerAnswer {
  readonly id: number;
  readonly result?: SampleResult;
  readonly error?: Error;
}

/** How long a worker may take to finish what it is doing before it is stopped. */
const closeMilliseconds = 2000;

const closed = "The loader was closed.";

interface Member {
  readonly worker: Worker;
  readonly underWay: Map<number, Pending>;
}

/**
 * Worker threads that work on images. A task goes to the thread with the least to do as soon as it is asked for: a
 * training step on a processor keeps the asking thread busy for seconds, in which it could not hand out more. How much may
 * be asked for ahead is the caller's to bound; a thread has two pictures in hand and the rest in its queue.
 *
 * A process does not stay alive for idle workers, so a forgotten `close()` does not hang it.
 */
export class WorkerPool {
  private readonly members: Member[];
  private nextId = 0;
  private nextReader = 0;
  private ending: Promise<unknown> | undefined;
  private broken: Error | undefined;

  constructor(job: SampleJob, count: number) {
    const { url, execArgv } = workerEntry();
    this.members = Array.from({ length: count }, () => {
      const worker = new Worker(url, { workerData: job, execArgv });
      const member: Member = { worker, underWay: new Map() };
      worker.unref();
      worker.on("message", (answer: WorkerAnswer) => this.settle(member, answer));
      worker.on("error", (error) => this.fail(error));
      worker.on("exit", (code) => this.fail(new Error(`A loader thread ended unexpectedly (code ${code}).`)));
      return member;
    });
  }

  run(task: SampleTask): Promise<SampleResult> {
    if (this.broken) return Promise.reject(this.broken);
    if (this.ending) return Promise.reject(new Error(closed));
    const member = this.members.reduce((a, b) => (b.underWay.size < a.underWay.size ? b : a));
    const id = this.nextId++;
    if (member.underWay.size === 0) member.worker.ref();
    return new Promise((resolve, reject) => {
      member.underWay.set(id, { resolve, reject });
      member.worker.postMessage({ id, task } satisfies WorkerMessage);
    });
  }

  readAhead(part: FilePart): void {
    if (this.broken || this.ending) return;
    const { worker } = this.members[this.nextReader++ % this.members.length]!;
    worker.postMessage({ readAhead: part } satisfies WorkerMessage);
  }

  async close(): Promise<void> {
    this.rejectAll(new Error(closed));
    this.ending ??= Promise.all(this.members.map(({ worker }) => endOf(worker)));
    await this.ending;
  }

  private settle(member: Member, { id, result, error }: WorkerAnswer): void {
    const pending = member.underWay.get(id);
    member.underWay.delete(id);
    if (member.underWay.size === 0) member.worker.unref();
    if (error !== undefined) pending?.reject(error);
    else pending?.resolve(result!);
  }

  private fail(error: Error): void {
    if (this.ending) return;
    this.broken ??= error;
    this.rejectAll(this.broken);
  }

  private rejectAll(error: Error): void {
    for (const { underWay } of this.members) {
      for (const pending of underWay.values()) pending.reject(error);
      underWay.clear();
    }
  }
}

/** What Node gives as the id of a thread that is no more. */
const ended = -1;

/** Asks a worker to end, and stops it if it does not. */
function endOf(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    if (worker.threadId === ended) return resolve();
    const timer = setTimeout(() => void worker.terminate(), closeMilliseconds);
    worker.once("exit", () => {
      clearTimeout(timer);
      resolve();
    });
    worker.ref();
    worker.postMessage(null);
  });
}
