// For this package's tests: what happens between two operations on files. A hook is told of each one just before it,
// and may throw in its place, as a full disk does, or end the process, as a power cut does.

import { promises as fs } from "node:fs";
import { syncBuiltinESMExports } from "node:module";

export interface FileOperation {
  /** The function's, or `piece` for a part of a `writeFile`. */
  readonly name: string;
  /** The file's path; where two are given, the first. */
  readonly path: string;
}

type Hook = (operation: FileOperation) => void;
type AsyncFunction = (...given: unknown[]) => Promise<unknown>;

const ofPaths = ["mkdir", "open", "rename", "rm", "writeFile"] as const;
const ofHandles = ["appendFile", "close", "sync", "truncate", "writeFile"] as const;

/** Tells `hook` of every operation that writes through `node:fs/promises`, also in modules that have imported it already. */
export function interceptFileOperations(hook: Hook): { restore(): void } {
  const originals = Object.fromEntries(ofPaths.map((name) => [name, fs[name]]));
  for (const name of ofPaths) {
    const original = fs[name] as AsyncFunction;
    const replaced = async (...given: unknown[]) => {
      hook({ name, path: String(given[0]) });
      const result = await original(...given);
      return name === "open" ? tellOf(result as fs.FileHandle, String(given[0]), hook) : result;
    };
    Object.assign(fs, { [name]: replaced });
  }
  syncBuiltinESMExports();
  return {
    restore: () => {
      Object.assign(fs, originals);
      syncBuiltinESMExports();
    },
  };
}

function tellOf(handle: fs.FileHandle, path: string, hook: Hook): fs.FileHandle {
  for (const name of ofHandles) {
    const original = (handle[name] as AsyncFunction).bind(handle);
    const replaced = async (content: unknown, ...more: unknown[]) => {
      hook({ name, path });
      return original(isStream(content) ? pieces(content, path, hook) : content, ...more);
    };
    Object.defineProperty(handle, name, { value: replaced });
  }
  return handle;
}

const isStream = (content: unknown): content is AsyncIterable<unknown> =>
  typeof content === "object" && content !== null && Symbol.asyncIterator in content;

/** A file that is written in pieces may end between two of them. */
async function* pieces(content: AsyncIterable<unknown>, path: string, hook: Hook): AsyncGenerator<unknown> {
  for await (const piece of content) {
    hook({ name: "piece", path });
    yield piece;
  }
}

/** What the system says of a full disk. */
export const noSpace = (): Error =>
  Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", syscall: "write" });
