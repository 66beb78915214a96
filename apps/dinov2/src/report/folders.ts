// What lies in the folders that a report is about.

import { readFile, stat } from "node:fs/promises";
import { basename, extname, join, resolve } from "node:path";
import { InputError } from "@dinov2/foundation";
import { readBaseline, readResults, type Baseline, type BenchmarkResults, type LoadedResults, type TrainingRun } from "@dinov2/report";
import { readMetrics } from "@dinov2/training";

/** @throws InputError for a folder with neither, or a file that is not what its name says */
export async function openFolders(folders: readonly string[]): Promise<{ results: LoadedResults[]; runs: TrainingRun[] }> {
  const results: LoadedResults[] = [];
  const runs: TrainingRun[] = [];
  for (const folder of folders) {
    const name = basename(resolve(folder));
    const [measured, trained] = [join(folder, "results.json"), join(folder, "metrics.jsonl")];
    if (await isFile(measured)) results.push(await loadResults(name, folder, measured));
    else if (await isFile(trained)) runs.push({ name, metrics: await readMetrics(trained) });
    else throw new InputError(`${folder} has no results.json and no metrics.jsonl; give folders that dinov2 benchmark or dinov2 pretrain wrote.`);
  }
  return { results, runs };
}

const isFile = async (path: string) => (await stat(path).catch(() => undefined))?.isFile() ?? false;

async function loadResults(name: string, folder: string, file: string): Promise<LoadedResults> {
  const results = await parsed(file, readResults);
  const pictures = new Map<string, string>();
  for (const picture of picturesOf(results)) {
    if (!pictures.has(picture)) pictures.set(picture, await dataUri(join(folder, picture), file));
  }
  return { name, results, pictures };
}

function picturesOf({ details }: BenchmarkResults): string[] {
  const neighbours = details?.neighbours?.flatMap((one) => [one.query, ...one.neighbours]) ?? [];
  return [...neighbours, ...(details?.pictures ?? [])].map(({ file }) => file);
}

const mediaTypes: Readonly<Record<string, string>> = { ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp" };

async function dataUri(path: string, namedBy: string): Promise<string> {
  const type = mediaTypes[extname(path).toLowerCase()];
  if (!type) throw new InputError(`${namedBy} names ${path}; expected a picture in PNG, JPEG or WebP.`);
  const bytes = await readFile(path).catch(() => {
    throw new InputError(`${namedBy} names ${path}, which is not there; copy the whole folder, or measure again.`);
  });
  return `data:${type};base64,${bytes.toString("base64")}`;
}

export const readBaselineFile = (file: string): Promise<Baseline> => parsed(file, readBaseline);

async function parsed<T>(file: string, read: (text: string, file: string) => T): Promise<T> {
  const text = await readFile(file, "utf8").catch(() => {
    throw new InputError(`${file} cannot be read; give a file that is there.`);
  });
  try {
    return read(text, file);
  } catch (error) {
    throw error instanceof RangeError ? new InputError(error.message) : error;
  }
}
