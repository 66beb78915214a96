// Checkpoints: everything a run needs to go on as if it had not stopped, whatever the number of workers.
//
//     RUN/checkpoints/step-0000123/
//       teacher.safetensors     backbone.*, dino_head.*, ibot_head.*; metadata `model` is the architecture
//       student.safetensors     the same names
//       optimizer.safetensors   NAME.exp_avg, NAME.exp_avg_sq
//       centers.safetensors     dino, ibot: the running means, with centering only
//       state.json              steps done, optimiser steps, what the data is
//     RUN/checkpoints/latest    the newest one's name
//
// Random streams need no state: the batch, the masks and stochastic depth of a step follow from the seed
// and the step's number alone.

import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createFolderAtomic, InputError, writeFileAtomic } from "@dinov2/foundation";
import { writeSafetensors } from "@dinov2/tensor";
import type { ParameterMap } from "@dinov2/vit";
import { type Network, namedParameters } from "./network.ts";
import type { TrainingState } from "./training-state.ts";
import { checkpointName, checkpointsPath, latestPath } from "./run-folder.ts";
import { loadVariables, readArrays, saveVariables } from "./weights-file.ts";

/** The plain part of a checkpoint. */
export interface CheckpointInfo {
  /** Steps done. */
  readonly step: number;
  readonly seed: number;
  readonly data: DataIdentity;
}

/** Enough of a dataset to notice that it is another one: data order depends on it. */
export interface DataIdentity {
  readonly source: string;
  readonly images: number;
  /** Of all image names, in order. */
  readonly namesHash: string;
}

interface StateFile extends CheckpointInfo {
  readonly format: 1;
  readonly optimizerStep: number;
}

/** Writes a checkpoint, points `latest` to it, and removes all but the newest `keep` of those up to it. */
export async function saveCheckpoint(
  run: string,
  state: TrainingState,
  info: CheckpointInfo,
  keep: number,
): Promise<string> {
  const name = checkpointName(info.step);
  const folder = join(checkpointsPath(run), name);
  // There already when a run went on from an older checkpoint.
  await rm(folder, { recursive: true, force: true });
  await createFolderAtomic(folder, (temporary) => writeState(temporary, state, info));
  await writeFileAtomic(latestPath(run), `${name}\n`);
  await removeOld(run, info.step, keep);
  return folder;
}

async function writeState(folder: string, state: TrainingState, info: CheckpointInfo): Promise<void> {
  await saveNetwork(join(folder, "teacher.safetensors"), state.teacher);
  await saveNetwork(join(folder, "student.safetensors"), state.student);
  const optimizer = await state.optimizer.exportState();
  await writeSafetensors(join(folder, "optimizer.safetensors"), optimizer.tensors);
  if (state.centers) await saveVariables(join(folder, "centers.safetensors"), centerVariables(state.centers));
  const file: StateFile = { format: 1, ...info, optimizerStep: optimizer.step };
  await writeFile(join(folder, "state.json"), `${JSON.stringify(file, null, 2)}\n`);
}

const saveNetwork = (path: string, network: Network) =>
  saveVariables(path, namedParameters(network), { model: JSON.stringify(network.backbone.config) });

const centerVariables = (centers: NonNullable<TrainingState["centers"]>): ParameterMap =>
  new Map(Object.entries(centers));

/**
 * Gives `state` what a checkpoint holds.
 * @throws InputError when a file is missing or belongs to another architecture (lists what differs)
 */
export async function loadCheckpoint(folder: string, state: TrainingState): Promise<CheckpointInfo> {
  const { optimizerStep, ...info } = await readStateFile(folder);
  await loadVariables(join(folder, "teacher.safetensors"), namedParameters(state.teacher));
  await loadVariables(join(folder, "student.safetensors"), namedParameters(state.student));
  state.optimizer.importState({
    step: optimizerStep,
    tensors: await readArrays(join(folder, "optimizer.safetensors")),
  });
  if (state.centers) await loadVariables(join(folder, "centers.safetensors"), centerVariables(state.centers));
  return info;
}

async function readStateFile(folder: string): Promise<StateFile> {
  const path = join(folder, "state.json");
  try {
    const state = JSON.parse(await readFile(path, "utf8")) as StateFile;
    if (state.format === 1) return state;
    throw new InputError(`${path} has format ${state.format}, expected 1; resume with the version that wrote it.`);
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${folder} is not a readable checkpoint: ${(error as Error).message}`);
  }
}

/** Those after `step`, there when a run went on from an older checkpoint, stay and do not crowd out the run's own. */
async function removeOld(run: string, step: number, keep: number): Promise<void> {
  const stepOf = (name: string) => Number(/^step-(\d+)$/.exec(name)?.[1] ?? Infinity);
  const upToNow = (await readdir(checkpointsPath(run))).filter((name) => stepOf(name) <= step);
  upToNow.sort((a, b) => stepOf(a) - stepOf(b));
  for (const name of upToNow.slice(0, -keep)) await rm(join(checkpointsPath(run), name), { recursive: true });
}
