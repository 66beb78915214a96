// Parts of files, and how to read them: shards are opened once and read from many thousand times.

import { open, type FileHandle } from "node:fs/promises";
import { InputError } from "@dinov2/foundation";

/** A stretch of a file, in bytes. */
export interface FilePart {
  readonly file: string;
  readonly offset: number;
  readonly size: number;
}

/** More than any picture within the pixel limit needs; what claims to be larger is not read. */
export const largestPart = 1 << 29;
/** Files that a thread keeps open: shards are read from many thousand times in a row. */
const openFiles = 16;

/** Open files by path, the one used last at the end. */
const handles = new Map<string, Promise<FileHandle>>();

function handleOf(file: string): Promise<FileHandle> {
  const handle = handles.get(file) ?? open(file);
  handles.delete(file);
  handles.set(file, handle);
  handle.catch(() => handles.delete(file));
  if (handles.size > openFiles) {
    const [oldest, old] = handles.entries().next().value!;
    close(oldest, old);
  }
  return handle;
}

function close(file: string, handle: Promise<FileHandle>): void {
  if (handles.get(file) === handle) handles.delete(file);
  // Closing waits for the reads that are under way.
  handle.then((each) => each.close()).catch(() => undefined);
}

/** Reads from an open file, which is opened anew after an error: it may be the handle that went stale. */
async function readFrom<T>(file: string, read: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = handleOf(file);
  try {
    return await read(await handle);
  } catch (error) {
    close(file, handle);
    throw error;
  }
}

/** The bytes of a part. Throws `InputError` when the file is shorter than that, or the part too large to be an image. */
export async function readPart({ file, offset, size }: FilePart): Promise<Buffer> {
  if (size > largestPart) throw new InputError(`${size} bytes in ${file} at ${offset} are too many for one image.`);
  const bytes = Buffer.allocUnsafe(size);
  return readFrom(file, async (handle) => {
    for (let done = 0; done < size; ) {
      const { bytesRead } = await handle.read(bytes, done, size - done, offset + done);
      if (bytesRead === 0) throw new InputError(`${file} ends at byte ${offset + done}; expected an image up to ${offset + size}.`);
      done += bytesRead;
    }
    return bytes;
  });
}

const readAheadBytes = 1 << 20;

/** Reads a part in order and drops what it read: it is in the system's cache when its images are asked for one by one. */
export async function readAhead({ file, offset, size }: FilePart): Promise<void> {
  const scratch = Buffer.allocUnsafe(Math.min(size, readAheadBytes));
  await readFrom(file, async (handle) => {
    for (let done = 0; done < size; ) {
      const { bytesRead } = await handle.read(scratch, 0, Math.min(scratch.length, size - done), offset + done);
      if (bytesRead === 0) return;
      done += bytesRead;
    }
  });
}
