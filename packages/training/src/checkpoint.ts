// Checkpoints: everything a run needs to go on as if it had not stopped, whatever the number of workers.
//
//     RUN/checkpoints/step-0000123/
//       teacher.safetensors     backbone.*, dino_head.*, ibot_head.*; metadata `model` is the architecture
//       student.safetensors     the same names
//       optimizer.safetensors   NAME.exp_avg, NAME.exp_avg_sq
//       centers.safetensors     dino, ibot: the running means, with centering only
//       state.json              steps done, optimiser steps, what the data is, how good the step was found, what the watch remembers
//       manifest.json           sizes and checksums of the others
//     RUN/checkpoints/latest    the newest one's name
//
// Random streams need no state: the batch, the masks and stochastic depth of a step follow from the seed
// and the step's number alone. Which checkpoints stay is in `checkpoint-retention.ts`, which one a run goes on from in
// `resume.ts`, what happens when one cannot be written in `checkpoint-keeper.ts`.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createFolderAtomic, InputError, writeFileAtomic } from "@dinov2/foundation";
import type { ParameterMap } from "@dinov2/vit";
import { z } from "zod";
import { ManifestWriter, verifyManifest } from "./checkpoint-manifest.ts";
import { type Network, namedParameters } from "./network.ts";
import type { TrainingState } from "./training-state.ts";
import { checkpointName, checkpointsPath, latestPath } from "./run-folder.ts";
import { watchStateSchema } from "./watch/watch-state.ts";
import { loadVariables, variablesContent } from "./weights-file.ts";

const infoSchema = z.object({
  /** Steps done. */
  step: z.int().min(0),
  seed: z.int().min(0),
  /** Enough of a dataset to notice that it is another one: data order depends on it. */
  data: z.object({
    source: z.string(),
    images: z.int().min(0),
    /** Of all image names, in order. */
    namesHash: z.string(),
  }),
  /** What an evaluation after this step found, higher is better: `checkpoint.keepBest` compares those of one name. */
  metric: z.object({ name: z.string(), value: z.number() }).optional(),
  watch: watchStateSchema.optional(),
});
const stateSchema = infoSchema.extend({ format: z.literal(2), optimizerStep: z.int().min(0) });

/** The plain part of a checkpoint. */
export type CheckpointInfo = Readonly<z.output<typeof infoSchema>>;
export type DataIdentity = CheckpointInfo["data"];
export type CheckpointMetric = NonNullable<CheckpointInfo["metric"]>;

/**
 * Writes a checkpoint, in place of one of the same step, and points `latest` to it.
 * @throws WriteError when the system refuses; then those before it are as they were
 */
export async function saveCheckpoint(run: string, state: TrainingState, info: CheckpointInfo): Promise<string> {
  const name = checkpointName(info.step);
  const folder = join(checkpointsPath(run), name);
  await createFolderAtomic(folder, (temporary) => writeState(temporary, state, info));
  await writeFileAtomic(latestPath(run), `${name}\n`);
  return folder;
}

async function writeState(folder: string, state: TrainingState, info: CheckpointInfo): Promise<void> {
  const manifest = new ManifestWriter(folder);
  for (const { file, variables, metadata } of variableFiles(state)) {
    await manifest.write(file, variablesContent(variables, metadata));
  }
  const plain = { format: 2, ...info, optimizerStep: state.optimizer.step } satisfies z.input<typeof stateSchema>;
  await manifest.write("state.json", one(Buffer.from(`${JSON.stringify(plain, null, 2)}\n`)));
  await manifest.finish();
}

async function* one(piece: Uint8Array): AsyncGenerator<Uint8Array> {
  yield piece;
}

/** The files of a state, and whose values they hold. */
function variableFiles({ teacher, student, optimizer, centers }: TrainingState) {
  const network = (file: string, { backbone }: Network, variables: ParameterMap) => {
    return { file, variables, metadata: { model: JSON.stringify(backbone.config) } };
  };
  return [
    network("teacher.safetensors", teacher, namedParameters(teacher)),
    network("student.safetensors", student, namedParameters(student)),
    { file: "optimizer.safetensors", variables: optimizer.variables(), metadata: {} },
    ...(centers ? [{ file: "centers.safetensors", variables: new Map(Object.entries(centers)), metadata: {} }] : []),
  ];
}

/** What a checkpoint of `state` takes on disk, but for its headers. */
export function checkpointBytes(state: TrainingState): number {
  const sizes = variableFiles(state).flatMap(({ variables }) => [...variables.values()].map(({ size }) => size));
  return Float32Array.BYTES_PER_ELEMENT * sizes.reduce((sum, size) => sum + size, 0);
}

/**
 * Checks all files of a checkpoint, then gives `state` what they hold.
 * @throws DamagedCheckpointError when a file is not as it was written; then `state` is as before
 * @throws InputError when it belongs to another architecture (lists what differs) or version
 */
export async function loadCheckpoint(folder: string, state: TrainingState): Promise<CheckpointInfo> {
  await verifyManifest(folder);
  const { info, optimizerStep } = await readState(folder);
  for (const { file, variables } of variableFiles(state)) await loadVariables(join(folder, file), variables);
  state.optimizer.continueAfter(optimizerStep);
  return info;
}

/** The plain part of a checkpoint as it stands there, unchecked. @throws InputError when it is not readable */
export const readCheckpointInfo = async (folder: string): Promise<CheckpointInfo> => (await readState(folder)).info;

async function readState(folder: string): Promise<{ info: CheckpointInfo; optimizerStep: number }> {
  const path = join(folder, "state.json");
  try {
    const content: unknown = JSON.parse(await readFile(path, "utf8"));
    return { info: infoSchema.parse(content), optimizerStep: stateSchema.parse(content).optimizerStep };
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error).replaceAll(/\s+/g, " ") : (error as Error).message;
    throw new InputError(`${path} is not a state that this version can read: ${reason}`);
  }
}
