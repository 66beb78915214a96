// What to search in, what to search for, and what is right: from the layouts of Revisited Oxford and Paris, or from labelled images
// of which those of one label show one thing.

import { createHash } from "node:crypto";
import { type ImageDataset, looksLikeRevisited, openDataset, openRevisited, type RgbImage } from "@dinov2/data";
import { InputError } from "@dinov2/foundation";

/** Images of the gallery, by number. */
export interface RightAndIgnored {
  readonly right: ReadonlySet<number>;
  /** Neither right nor wrong: taken out of the ranking. */
  readonly ignored: ReadonlySet<number>;
}

/** Parts of pictures, which no file holds as they are. */
export interface CutOuts {
  readonly length: number;
  name(index: number): string;
  read(index: number): Promise<RgbImage>;
}

export interface RetrievalTask {
  readonly gallery: ImageDataset;
  readonly queries: ImageDataset | CutOuts;
  /** What counts as right: "easy", "medium" and "hard" of the revisited protocol, else "instance" alone. */
  readonly settings: ReadonlyMap<string, (query: number) => RightAndIgnored>;
  /** The revisited protocol's scores, or those of plain retrieval. */
  readonly revisited: boolean;
  /** How the task came about, in words for the results. */
  readonly origin: string;
}

export interface RetrievalTaskOptions {
  /** `roxford5k:DIR`, `rparis6k:DIR`, or labelled images. */
  readonly data: string;
  /** A source of its own for labelled queries; else each image of `data` is searched among the others. */
  readonly queries?: string;
}

/** @throws InputError for a source without labels, or queries of which no image in the gallery shows the same */
export async function openRetrievalTask({ data, queries }: RetrievalTaskOptions): Promise<RetrievalTask> {
  if (!looksLikeRevisited(data)) return labelledTask(data, queries);
  if (queries !== undefined) throw new InputError(`${data} has queries of its own; leave --queries out.`);
  const dataset = await openRevisited(data);
  const setting = (right: readonly ("easy" | "hard")[], ignored: readonly ("easy" | "hard" | "junk")[]) => (query: number) => {
    const kinds = dataset.relevance(query);
    return { right: new Set(right.flatMap((kind) => kinds[kind])), ignored: new Set(ignored.flatMap((kind) => kinds[kind])) };
  };
  return {
    gallery: dataset.gallery,
    queries: { length: dataset.queryCount, name: (query) => dataset.queryName(query), read: (query) => dataset.readQuery(query) },
    settings: new Map([
      ["easy", setting(["easy"], ["hard", "junk"])],
      ["medium", setting(["easy", "hard"], ["junk"])],
      ["hard", setting(["hard"], ["easy", "junk"])],
    ]),
    revisited: true,
    origin: "the layout's own queries, cut out by their boxes",
  };
}

async function labelledTask(data: string, querySource: string | undefined): Promise<RetrievalTask> {
  const opened = await openDataset(data);
  const others = querySource === undefined ? opened : await openDataset(querySource);
  // Both sides number their own labels; the names say which are the same.
  const classNames = [...new Set([...(opened.classNames ?? []), ...(others.classNames ?? [])])];
  const gallery = numbered(opened, classNames, data);
  const queries = querySource === undefined ? gallery : numbered(others, classNames, querySource);
  const instances = classNames.map(() => new Set<number>());
  for (let image = 0; image < gallery.length; image++) instances[gallery.label(image)!]!.add(image);
  const itself = (query: number) => new Set(querySource === undefined ? [query] : []);
  const relevance = (query: number) => ({ right: without(instances[queries.label(query)!]!, itself(query)), ignored: itself(query) });
  if (!Array.from({ length: queries.length }, (_, query) => relevance(query)).some(({ right }) => right.size > 0)) {
    throw new InputError(`No image of ${querySource ?? data} has another of its label in ${data}; expected the same class names on both sides.`);
  }
  const origin = querySource === undefined ? "each image searched among the others" : "given as gallery and queries";
  return { gallery, queries, settings: new Map([["instance", relevance]]), revisited: false, origin };
}

/** The same images with labels as places in `classNames`; each must have one. */
function numbered(dataset: ImageDataset, classNames: readonly string[], source: string): ImageDataset {
  const number = new Map(classNames.map((name, place) => [name, place]));
  const labels = Int32Array.from({ length: dataset.length }, (_, image) => {
    const label = dataset.label(image);
    if (label === undefined) throw new InputError(`${source}: image ${dataset.name(image)} has no label; expected one that says what it shows.`);
    return number.get(dataset.classNames![label]!)!;
  });
  return { ...dataset, classNames, label: (image) => labels[image] };
}

const without = (set: ReadonlySet<number>, out: ReadonlySet<number>) => new Set([...set].filter((element) => !out.has(element)));

/** SHA-256 over the names of gallery and queries, in order. */
export function retrievalFingerprint({ gallery, queries }: RetrievalTask): string {
  const hash = createHash("sha256");
  for (const [side, images] of Object.entries({ gallery, queries })) {
    for (let i = 0; i < images.length; i++) hash.update(`${side}\0${images.name(i)}\n`);
  }
  return hash.digest("hex");
}
