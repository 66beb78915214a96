// What was found in a shard, kept for the next start: finding it takes a read per image, which a large set feels.

import { createHash } from "node:crypto";
import { mkdir, readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { writeFileAtomic } from "@dinov2/foundation";
import { indexShard, type ShardIndex } from "./shard-index.ts";

/** Finding fewer images again is no work. */
const worthKeeping = 1000;
/** Changes when what is kept changes its meaning. */
const version = 1;

interface Kept {
  readonly version: number;
  readonly file: string;
  readonly size: number;
  readonly modified: number;
  readonly index: ShardIndex;
}

/** `DINOV2_CACHE` (empty: keep nothing), else `dinov2` in the user's cache folder. */
function cacheFolder(): string | undefined {
  const { DINOV2_CACHE, XDG_CACHE_HOME } = process.env;
  if (DINOV2_CACHE === "") return undefined;
  return join(DINOV2_CACHE ?? join(XDG_CACHE_HOME || join(homedir(), ".cache"), "dinov2"), "shards");
}

/** The shard's index: the one kept, if the file has not changed since, else a new one, which is kept. */
export async function cachedShardIndex(path: string): Promise<ShardIndex> {
  const folder = cacheFolder();
  if (folder === undefined) return indexShard(path);
  const file = resolve(path);
  const { size, mtimeMs: modified } = await stat(file);
  const place = join(folder, `${createHash("sha256").update(file).digest("hex").slice(0, 32)}.json`);
  const kept = await readKept(place);
  if (kept?.version === version && kept.file === file && kept.size === size && kept.modified === modified) return kept.index;
  const index = await indexShard(file);
  if (index.names.length >= worthKeeping) await keep(folder, place, { version, file, size, modified, index });
  return index;
}

async function readKept(place: string): Promise<Kept | undefined> {
  try {
    return JSON.parse(await readFile(place, "utf8")) as Kept;
  } catch {
    return undefined;
  }
}

/** A cache that cannot be written costs time at the next start, nothing else. */
async function keep(folder: string, place: string, kept: Kept): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await writeFileAtomic(place, JSON.stringify(kept));
  } catch {
    return;
  }
}
