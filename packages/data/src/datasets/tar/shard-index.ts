// What is in one shard: its images and their labels, in order. The WebDataset convention: members that share everything
// before the first dot of their file name are one sample, and what follows the dot says what each of them is.

import { InputError } from "@dinov2/foundation";
import { hasImageExtension } from "../../images.ts";
import type { FilePart } from "../file-part.ts";
import { TarFile, type TarMember } from "./tar-members.ts";

/** Arrays of equal length, one place per image. */
export interface ShardIndex {
  readonly names: readonly string[];
  readonly offsets: readonly number[];
  readonly sizes: readonly number[];
  /** What `.cls` or `.json` (`label` or `cls`) says; null where nothing does. */
  readonly labels: readonly (string | null)[];
}

interface MutableIndex {
  names: string[];
  offsets: number[];
  sizes: number[];
  labels: (string | null)[];
}

/** Reads the headers of a shard, and its labels. Throws `InputError` for a damaged archive. */
export function indexShard(file: string): Promise<ShardIndex> {
  return TarFile.with(file, async (tar) => {
    const index: MutableIndex = { names: [], offsets: [], sizes: [], labels: [] };
    let key: string | undefined;
    let label: string | null = null;
    for await (const member of tar.members()) {
      const [memberKey, extension] = splitName(member.name);
      if (memberKey !== key) label = null;
      key = memberKey;
      if (hasImageExtension(member.name)) add(index, member);
      else if (extension === "cls") label = (await tar.textOf(member)).trim();
      else if (extension === "json") label = labelIn(await tar.textOf(member), member) ?? label;
      else continue;
      if (label !== null) labelSample(index, key, label);
    }
    return index;
  });
}

/** Every image in an archive, and in the archives in it; the innermost archive's name is its class. */
export function indexClasses(file: string, className: string): Promise<{ name: string; part: FilePart; className: string }[]> {
  return TarFile.with(file, async (tar) => {
    const images: { name: string; part: FilePart; className: string }[] = [];
    async function visit(inner: string, within?: FilePart): Promise<void> {
      for await (const member of tar.members(within)) {
        if (/\.tar$/i.test(member.name)) await visit(classOf(member.name), member);
        else if (hasImageExtension(member.name)) images.push({ name: `${inner}/${member.name}`, part: member, className: inner });
      }
    }
    await visit(className);
    return images;
  });
}

/** "a/n01440764.tar" is the archive of class "n01440764". */
export function classOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1).replace(/\.tar$/i, "");
}

/** The label may come before the image or after it. */
function labelSample(index: MutableIndex, key: string, label: string): void {
  for (let i = index.names.length - 1; i >= 0 && splitName(index.names[i]!)[0] === key; i--) index.labels[i] = label;
}

function add(index: MutableIndex, { name, offset, size }: TarMember): void {
  index.names.push(name);
  index.offsets.push(offset);
  index.sizes.push(size);
  index.labels.push(null);
}

/** "a.b/000.left.jpg" is "left.jpg" of the sample "a.b/000". */
function splitName(name: string): [key: string, extension: string] {
  const dot = name.indexOf(".", name.lastIndexOf("/") + 2);
  return dot < 0 ? [name, ""] : [name.slice(0, dot), name.slice(dot + 1).toLowerCase()];
}

function labelIn(json: string, member: TarMember): string | undefined {
  let facts: unknown;
  try {
    facts = JSON.parse(json);
  } catch (error) {
    throw new InputError(`Archive ${member.file}, byte ${member.offset}: ${member.name} is not valid JSON (${(error as Error).message}).`);
  }
  const { label, cls } = (facts ?? {}) as { label?: unknown; cls?: unknown };
  const found = label ?? cls;
  return typeof found === "number" || typeof found === "string" ? String(found) : undefined;
}
