// The demo's pictures: the 3-D Fluent emoji renders of `@lobehub/fluent-emoji-3d` (MIT), joined with the names and the nine
// categories of Unicode (`unicode-emoji-json`). The category is used to score features and never to train them.
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { InputError } from "@dinov2/foundation";
import { conceptOf } from "./concept.ts";

export interface Emoji {
  /** Code points in lower-case hexadecimal joined by "-", as in the file's name: unique, and safe in a file name. */
  readonly id: string;
  /** Path of the 256 x 256 RGBA WebP. */
  readonly file: string;
  readonly name: string;
  /** One of Unicode's nine groups, such as "Food & Drink". */
  readonly category: string;
  /** Emoji that are variants of one thing share it, see `conceptOf`. */
  readonly concept: string;
  /** A skin-tone variant of another picture of the list. */
  readonly skinTone: boolean;
}

interface UnicodeEmoji {
  readonly name: string;
  readonly group: string;
}

/** Code points that one source writes and another leaves out: "show as emoji", and the end of a flag's tag sequence. */
const optionalCodePoints: readonly number[] = [0xfe0f, 0xe007f];
const isSkinTone = (codePoint: number): boolean => codePoint >= 0x1f3fb && codePoint <= 0x1f3ff;

/** Code points of an asset's file name; `_` joins the tag characters of the flags of England, Scotland and Wales. */
export function parseCodePoints(id: string): number[] {
  return id.split(/[-_]/).map((text) => Number.parseInt(text, 16));
}

/** What two spellings of an emoji have in common: no skin tone, nothing optional. */
export function baseKey(codePoints: readonly number[]): string {
  return codePoints
    .filter((codePoint) => !optionalCodePoints.includes(codePoint) && !isSkinTone(codePoint))
    .map((codePoint) => codePoint.toString(16))
    .join("-");
}

function packageFolder(name: string, file: string): string {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${name}/${file}`));
  } catch {
    throw new InputError(`The demo needs the package ${name}, which is not installed; run \`npm ci\` in the repository`);
  }
}

async function unicodeTable(): Promise<Map<string, UnicodeEmoji>> {
  const folder = packageFolder("unicode-emoji-json", "package.json");
  const table = JSON.parse(await readFile(join(folder, "data-by-emoji.json"), "utf8")) as Record<string, UnicodeEmoji>;
  const codePointsOf = (text: string) => Array.from(text, (character) => character.codePointAt(0)!);
  return new Map(Object.entries(table).map(([text, emoji]) => [baseKey(codePointsOf(text)), emoji]));
}

/** Every render that Unicode has a name for, ordered by id. A picture without a name has no category to score and is left out. */
export async function listEmoji(): Promise<Emoji[]> {
  const assets = join(packageFolder("@lobehub/fluent-emoji-3d", "package.json"), "assets");
  const [files, unicode] = [await readdir(assets), await unicodeTable()];
  return files.filter((file) => file.endsWith(".webp")).sort().flatMap((file) => {
    const id = file.slice(0, -".webp".length);
    const codePoints = parseCodePoints(id);
    const known = unicode.get(baseKey(codePoints));
    if (!known) return [];
    const { name, group } = known;
    const skinTone = codePoints.some(isSkinTone);
    return [{ id, file: join(assets, file), name, category: group, concept: conceptOf(name, group), skinTone }];
  });
}
