import type { FileHandle } from "node:fs/promises";
import { InputError } from "@dinov2/foundation";

/** Node refuses reads of 2 GiB and more. */
const largestRead = 1 << 30;

/** `length` bytes from `position`, in memory of their own. Throws an InputError when the file ends before. */
export async function readExactly(handle: FileHandle, path: string, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.from(new ArrayBuffer(length)); // aligned for any typed array, unlike pooled memory
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, Math.min(length - done, largestRead), position + done);
    if (bytesRead === 0) throw new InputError(`${path} ends after ${position + done} bytes; it is incomplete.`);
    done += bytesRead;
  }
  return bytes;
}
