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
  const gallery = await openDataset(data);
  const queries = querySource === undefined ? gallery : await openDataset(querySource);
  const instances = new Map<string, Set<number>>();
  for (let image = 0; image < gallery.length; image++) {
    const name = instanceName(gallery, image, data);
    instances.set(name, (instances.get(name) ?? new Set()).add(image));
  }
  const isIn = (query: number) => instances.get(instanceName(queries, query, querySource ?? data)) ?? new Set<number>();
  const itself = (query: number) => new Set(querySource === undefined ? [query] : []);
  const relevance = (query: number) => ({ right: without(isIn(query), itself(query)), ignored: itself(query) });
  if (!Array.from({ length: queries.length }, (_, query) => relevance(query)).some(({ right }) => right.size > 0)) {
    throw new InputError(`No image of ${querySource ?? data} has another of its label in ${data}; expected the same class names on both sides.`);
  }
  const origin = querySource === undefined ? "each image searched among the others" : "given as gallery and queries";
  return { gallery, queries, settings: new Map([["instance", relevance]]), revisited: false, origin };
}

function instanceName(dataset: ImageDataset, index: number, source: string): string {
  const label = dataset.label(index);
  if (label === undefined) throw new InputError(`${source}: image ${dataset.name(index)} has no label; expected one that says what it shows.`);
  return dataset.classNames![label]!;
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
