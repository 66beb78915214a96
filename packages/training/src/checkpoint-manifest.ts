// manifest.json of a checkpoint: the size and SHA-256 of each of its other files, written last. A checkpoint whose
// files are all as the manifest says is the one that was written, whatever disk or copy it has been through.
// Why SHA-256, and what it costs: docs/decisions/0012-checkpoints.md.

import { createHash } from "node:crypto";
import { open, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { InputError, writeFileAtomic } from "@dinov2/foundation";
import { z } from "zod";

const manifestName = "manifest.json";
/** A manifest has five lines or so; more than this is none. */
const largestManifest = 65_536;
/** Read at a time while a file is checked. */
const pieceBytes = 1 << 22;

/** Names are plain: a manifest cannot point out of its folder. */
const manifestSchema = z.strictObject({
  files: z.record(
    z.string().regex(/^[a-z]+\.(safetensors|json)$/),
    z.strictObject({ bytes: z.int().min(0), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  ),
});
type Manifest = z.output<typeof manifestSchema>;

/** A checkpoint that is not what was written, or not all of it. The message names the file. */
export class DamagedCheckpointError extends InputError {
  /** The checkpoint. */
  readonly folder: string;
  /** The file's name in it. */
  readonly file: string;

  constructor(
    path: string,
    readonly what: string,
  ) {
    super(`${path} is damaged: ${what}.`);
    this.folder = dirname(path);
    this.file = basename(path);
  }
}

/** Writes the files of a folder and, at the end, their manifest. */
export class ManifestWriter {
  private readonly files: Manifest["files"] = {};

  constructor(private readonly folder: string) {}

  async write(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    const hash = createHash("sha256");
    let bytes = 0;
    // Of what was meant, before it goes to the disk.
    async function* hashed(): AsyncGenerator<Uint8Array> {
      for await (const piece of content) {
        hash.update(piece);
        bytes += piece.byteLength;
        yield piece;
      }
    }
    await writeFileAtomic(join(this.folder, name), hashed());
    this.files[name] = { bytes, sha256: hash.digest("hex") };
  }

  async finish(): Promise<void> {
    const manifest: Manifest = { files: this.files };
    await writeFileAtomic(join(this.folder, manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
  }
}

/**
 * Reads every file of a checkpoint and compares it with the manifest.
 * @throws DamagedCheckpointError for the first that is missing, shorter, longer or different
 */
export async function verifyManifest(folder: string): Promise<void> {
  const { files } = await readManifest(join(folder, manifestName));
  for (const [name, { bytes, sha256 }] of Object.entries(files)) {
    const path = join(folder, name);
    await reading(path, async (handle) => {
      const { size } = await handle.stat();
      if (size !== bytes) throw new DamagedCheckpointError(path, `it has ${size} bytes, expected ${bytes}`);
      if ((await hashOf(handle)) !== sha256) {
        throw new DamagedCheckpointError(path, "its content is not what was written (SHA-256 differs)");
      }
    });
  }
}

async function readManifest(path: string): Promise<Manifest> {
  const text = await reading(path, async (handle) => {
    const { size } = await handle.stat();
    if (size > largestManifest) throw new DamagedCheckpointError(path, `it has ${size} bytes, too many`);
    return handle.readFile("utf8");
  });
  const manifest = manifestSchema.safeParse(parseJson(text));
  if (!manifest.success) throw new DamagedCheckpointError(path, "it is not a list of files");
  return manifest.data;
}

async function reading<T>(path: string, read: (handle: FileHandle) => Promise<T>): Promise<T> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r");
    return await read(handle);
  } catch (error) {
    if (error instanceof DamagedCheckpointError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new DamagedCheckpointError(path, code === "ENOENT" ? "it is missing" : `it cannot be read (${message})`);
  } finally {
    await handle?.close();
  }
}

async function hashOf(handle: FileHandle): Promise<string> {
  const hash = createHash("sha256");
  const piece = Buffer.allocUnsafe(pieceBytes);
  for (;;) {
    const { bytesRead } = await handle.read(piece, 0, pieceBytes, null);
    if (bytesRead === 0) return hash.digest("hex");
    hash.update(piece.subarray(0, bytesRead));
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
