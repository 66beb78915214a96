// A peer that runs in Python: finding an interpreter that has what it needs, and talking to it line by line.

import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from "node:child_process";
import { createInterface } from "node:readline";

/** The first of `DINOV2_PYTHON`, `python3`, `/usr/bin/python3` that can import `modules`; undefined if none can. */
export function findPython(modules: readonly string[]): string | undefined {
  const candidates = [process.env.DINOV2_PYTHON, "python3", "/usr/bin/python3"].filter((name) => name !== undefined);
  return candidates.find((name) => spawnSync(name, ["-c", `import ${modules.join(", ")}`]).status === 0);
}

/** A script that prints one line of JSON when it is ready and then one for each line of JSON it is sent. */
export class PeerProcess {
  private readonly lines: AsyncIterator<string>;

  private constructor(private readonly child: ChildProcessWithoutNullStreams) {
    this.lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.stderr.pipe(process.stderr);
  }

  /** Starts the script; answers with what it says about itself. */
  static async start<T>(python: string, script: string, args: readonly string[]): Promise<{ peer: PeerProcess; about: T }> {
    const peer = new PeerProcess(spawn(python, [script, ...args]));
    return { peer, about: await peer.read<T>() };
  }

  async ask<T>(request: object): Promise<T> {
    this.child.stdin.write(`${JSON.stringify(request)}\n`);
    return this.read<T>();
  }

  close(): void {
    this.child.kill();
  }

  private async read<T>(): Promise<T> {
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`The peer process ended (exit code ${this.child.exitCode}).`);
    return JSON.parse(value as string) as T;
  }
}
