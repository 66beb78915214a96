// The files of a TF.js model: `model.json`, which names layers and weights, and the files of weights beside it.
// Format: https://www.tensorflow.org/js/guide/save_load (modelTopology, weightsManifest).
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { InputError, isFolder } from "@dinov2/foundation";
import type * as tf from "@tensorflow/tfjs-core";

export interface LayersModelFiles {
  readonly artifacts: Required<Pick<tf.io.ModelArtifacts, "modelTopology" | "weightSpecs" | "weightData">>;
  /** Of all files, in order. */
  readonly sha256: string;
}

/** @throws InputError when a file is missing, is no JSON, or is of another kind of model */
export async function readLayersModelFiles(source: string): Promise<LayersModelFiles> {
  const path = (await isFolder(source)) ? join(source, "model.json") : source;
  const bytes = await contentOf(path, "expected a TF.js model, model.json with its weights beside it");
  const { format, modelTopology, weightsManifest } = parsed(bytes, path);
  if (format === "graph-model") throw new InputError(`${path} is a graph model, which has no layers to read features of; expected a layers model, as Keras' are converted to.`);
  if (typeof modelTopology !== "object" || !Array.isArray(weightsManifest)) {
    throw new InputError(`${path} is no TF.js layers model; expected modelTopology and weightsManifest in it.`);
  }
  const names = weightsManifest.flatMap(({ paths }) => paths);
  const shards = await Promise.all(names.map((name) => contentOf(join(dirname(path), name), `${path} names it among its weights`)));
  const hash = createHash("sha256").update(bytes);
  for (const shard of shards) hash.update(shard);
  const weightSpecs = weightsManifest.flatMap(({ weights }) => weights);
  const weightData = Uint8Array.from(Buffer.concat(shards)).buffer;
  return { artifacts: { modelTopology, weightSpecs, weightData }, sha256: hash.digest("hex") };
}

function parsed(bytes: Buffer, path: string): Partial<tf.io.ModelJSON> {
  try {
    return JSON.parse(bytes.toString("utf8")) as Partial<tf.io.ModelJSON>;
  } catch {
    throw new InputError(`${path} is no JSON; expected the model.json of a TF.js model.`);
  }
}

const contentOf = (path: string, expected: string): Promise<Buffer> =>
  readFile(path).catch(() => {
    throw new InputError(`There is no file ${path}; ${expected}.`);
  });
