// Reading from a file system that has a bad moment, as one on a network does: what it answers then says nothing of the file.

import { constants } from "node:os";
import { setTimeout } from "node:timers/promises";

const transientCodes = new Set([
  ...["EAGAIN", "EBUSY", "EINTR", "EIO", "EREMOTEIO", "ETIMEDOUT", "ECONNRESET", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH"],
  // Too many open files, too little memory.
  ...["EMFILE", "ENFILE", "ENOMEM"],
  // A file that is kept open is closed when it could not be read, whoever else reads it.
  "EBADF",
]);

/** Whether the system's error may be gone when the same is asked for again. */
export function isTransient(error: unknown): error is NodeJS.ErrnoException {
  if (!(error instanceof Error)) return false;
  const { code, errno } = error as NodeJS.ErrnoException;
  // libuv has no name for a handle that the server no longer knows.
  return transientCodes.has(code ?? "") || errno === -constants.errno.ESTALE;
}

/** How long to wait before each further try, in milliseconds. */
const waits = [50, 200, 800];

/** What `read` gives, after further tries if the system's error is one that may pass. Throws the last one. */
export async function readPersistently<T>(read: () => Promise<T>): Promise<T> {
  for (const wait of waits) {
    try {
      return await read();
    } catch (error) {
      if (!isTransient(error)) throw error;
      await setTimeout(wait);
    }
  }
  return read();
}
