// A peer in a process of its own: finding Pythons that have what it needs, and talking to it line by line.

import { spawn, spawnSync, type ChildProcessByStdio } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

/** `DINOV2_PYTHON` may name several, with colons between. */
const candidates = () => [...(process.env.DINOV2_PYTHON?.split(":") ?? []), "python3", "/usr/bin/python3"];

/** The first of `DINOV2_PYTHON`, `python3`, `/usr/bin/python3` that can import `modules`; undefined if none can. */
export function findPython(modules: readonly string[]): string | undefined {
  return candidates().find((name) => environmentOf(name, modules) !== undefined);
}

/** All of them, each installation once. */
export function findPythons(modules: readonly string[]): string[] {
  const found = new Map<string, string>();
  for (const name of candidates()) {
    const environment = environmentOf(name, modules);
    if (environment !== undefined && !found.has(environment)) found.set(environment, name);
  }
  return [...found.values()];
}

/** The folder of an interpreter's environment; undefined if it lacks one of the modules. */
function environmentOf(python: string, modules: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(python, ["-c", `import sys, ${modules.join(", ")}; print(sys.prefix)`], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

/** A program that prints one line of JSON when it is ready and then one for each line of JSON it is sent. */
export class PeerProcess {
  private readonly lines: AsyncIterator<string>;

  private constructor(private readonly child: ChildProcessByStdio<Writable, Readable, null>) {
    this.lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** Starts the program, in our environment with these changes; answers with what it says about itself. */
  static async start<T>(
    program: string,
    args: readonly string[],
    environment: Readonly<Record<string, string | undefined>> = {},
  ): Promise<{ peer: PeerProcess; about: T }> {
    const child = spawn(program, args, { env: { ...process.env, ...environment }, stdio: ["pipe", "pipe", "inherit"] });
    const peer = new PeerProcess(child);
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
