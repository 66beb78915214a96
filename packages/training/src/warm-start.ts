// A run that starts from weights: those of another run of ours, or published ones. Student and teacher both take the
// model's teacher, which is the one to use; heads come along when they lie beside the backbone.
// Strict unless told otherwise: a name too many or too few is an error before anything is made. What is allowed to
// differ is how many patches the position embedding was made for (it is resized, as a forward at the new size would),
// and how blocks are grouped in names.

import { InputError } from "@dinov2/foundation";
import { type Tensor3D, tf } from "@dinov2/tensor";
import {
  assertMatches,
  compareWeights,
  elementCount,
  isPositionEmbedding,
  isSwiglu,
  openModel,
  type OpenedModel,
  resizePositionEmbedding,
  type Shape,
  storedGridSide,
  type VisionTransformerConfig,
  type WeightSource,
  withBlockNames,
} from "@dinov2/vit";
import { backboneConfig, type ModuleName, moduleSpecs, namedParameters } from "./network.ts";
import type { Recipe } from "./recipe.ts";
import type { TrainingState } from "./training-state.ts";

export interface WarmStart {
  /** A run or checkpoint folder, a .safetensors or .pth file, or a Hugging Face folder. */
  readonly model: string;
  /** Take what fits, and leave the rest at random, instead of refusing. */
  readonly partial?: boolean;
}

/** What became of every tensor; names as in a checkpoint, `backbone.cls_token`. */
export interface WarmStartReport {
  readonly model: string;
  /** The file that was read. */
  readonly file: string;
  /** Taken as they are. */
  readonly used: readonly string[];
  /** Position embeddings made for another grid. */
  readonly resized: readonly { readonly name: string; readonly from: Shape; readonly to: Shape }[];
  /** Of the recipe's network, not in the model: they start as in a run without one. */
  readonly random: readonly string[];
  /** In the model, not in the recipe's network. */
  readonly unused: readonly string[];
}

/** Whether the heads are trained ones: else they start at random, and it is known what losses start at. */
export const hasTrainedHeads = (report: WarmStartReport | null): boolean =>
  report?.used.some((name) => name.startsWith("dino_head.")) ?? false;

/** Weights that were found to fit, not yet read. Its owner closes it. */
export interface PreparedWarmStart {
  readonly report: WarmStartReport;
  /** Gives student and teacher the weights, one tensor at a time. */
  load(state: Pick<TrainingState, "student" | "teacher">): Promise<void>;
  close(): Promise<void>;
}

/**
 * Compares a model with the network of a recipe, by names and shapes alone.
 * @throws InputError when there is no model, or it does not fit: lists what differs
 */
export async function prepareWarmStart(recipe: Recipe, { model, partial = false }: WarmStart): Promise<PreparedWarmStart> {
  const config = backboneConfig(recipe);
  const opened = await openModel(model, { numHeads: config.numHeads });
  try {
    requireSameMeaning(opened.config, config, model);
    const found = modulesOf(opened, config);
    const wanted = flatShapes([...moduleSpecs(recipe)].map(([module, specs]) => [module, specs.map(({ name, shape }) => [name, shape])]));
    const there = flatShapes([...found].map(([module, { shapes }]) => [module, shapes]));
    const file = opened.source.origin;
    const report = { model, file, ...compare(wanted, there, file, partial) };
    return {
      report,
      load: (state) => load(state, found, report, config),
      close: () => opened.source.close(),
    };
  } catch (error) {
    await opened.source.close();
    throw error;
  }
}

/** What shapes do not show, and what no renaming can bridge. */
function requireSameMeaning(found: VisionTransformerConfig, wanted: VisionTransformerConfig, model: string): void {
  if (found.embedDim === wanted.embedDim && isSwiglu(found.ffnLayer) !== isSwiglu(wanted.ffnLayer)) {
    const kind = ({ ffnLayer }: VisionTransformerConfig) => (isSwiglu(ffnLayer) ? "SwiGLU" : `"${ffnLayer}"`);
    throw new InputError(
      `--init ${model} has feed-forward layers of the kind ${kind(found)}, the recipe of the kind ${kind(wanted)}: ` +
        "no weights carry over from one to the other. The published ViT-S, B and L were distilled with plain ones (mlp), the " +
        `long recipes have SwiGLU; give --set model.ffnLayer=${found.ffnLayer}, or another model.`,
    );
  }
  for (const field of ["numHeads", "layerNormEpsilon"] as const) {
    if (found.embedDim !== wanted.embedDim || found[field] === wanted[field]) continue;
    throw new InputError(`--init ${model} has ${field} ${found[field]}, the recipe ${wanted[field]}; give another model or recipe.`);
  }
}

function modulesOf(opened: OpenedModel, config: VisionTransformerConfig): Map<ModuleName, WeightSource> {
  const heads = (["dino_head", "ibot_head"] as const).map((name) => [name, opened.head(name)] as const);
  const found = heads.filter((entry): entry is [ModuleName & `${string}_head`, WeightSource] => entry[1] !== null);
  return new Map<ModuleName, WeightSource>([["backbone", withBlockNames(opened.source, config)], ...found]);
}

/** Shapes by `module.name`. */
function flatShapes(modules: Iterable<readonly [ModuleName, Iterable<readonly [string, Shape]>]>): Map<string, Shape> {
  return new Map([...modules].flatMap(([module, shapes]) => [...shapes].map(([name, shape]) => [`${module}.${name}`, shape] as const)));
}

/** @throws InputError unless all fits, or `partial` and something does */
function compare(wanted: ReadonlyMap<string, Shape>, there: ReadonlyMap<string, Shape>, file: string, partial: boolean) {
  // A backbone without heads is whole: those start at random.
  const hasHeads = [...there.keys()].some((name) => !name.startsWith("backbone."));
  const needed = new Map([...wanted].filter(([name]) => hasHeads || name.startsWith("backbone.")));
  const differences = compareWeights(needed, there, (name, shape) =>
    isPositionEmbedding(name.replace("backbone.", ""), shape, wanted.get(name)!),
  );
  if (!partial) assertMatches(differences, `--init ${file}`, "Change the recipe (--set), or take what fits with --init-partial.");
  const misfits = new Set(differences.mismatched.map(({ name }) => name));
  const isTaken = (name: string) => wanted.has(name) && there.has(name) && !misfits.has(name);
  const taken = [...wanted.keys()].filter(isTaken);
  if (taken.length === 0) throw new InputError(`--init ${file} has nothing that fits the recipe's network; give another model.`);
  const isResized = (name: string) => elementCount(wanted.get(name)!) !== elementCount(there.get(name)!);
  return {
    used: taken.filter((name) => !isResized(name)),
    resized: taken.filter(isResized).map((name) => ({ name, from: there.get(name)!, to: wanted.get(name)! })),
    random: [...wanted.keys()].filter((name) => !isTaken(name)),
    unused: [...there.keys()].filter((name) => !isTaken(name)),
  };
}

async function load(
  state: Pick<TrainingState, "student" | "teacher">,
  found: ReadonlyMap<ModuleName, WeightSource>,
  { used, resized }: WarmStartReport,
  config: VisionTransformerConfig,
): Promise<void> {
  const [student, teacher] = [namedParameters(state.student), namedParameters(state.teacher)];
  const otherGrid = new Set(resized.map(({ name }) => name));
  for (const name of [...used, ...otherGrid]) {
    const [, module, inside] = /^(\w+)\.(.+)$/.exec(name) as unknown as [string, ModuleName, string];
    const source = found.get(module)!;
    const values = await source.read(inside);
    tf.tidy(() => {
      const stored = tf.tensor(values, [...source.shapes.get(inside)!]);
      const fitted = otherGrid.has(name) ? toGrid(stored as Tensor3D, student.get(name)!.shape, config) : stored;
      for (const parameters of [student, teacher]) parameters.get(name)!.assign(fitted);
    });
  }
}

function toGrid(stored: Tensor3D, shape: Shape, config: VisionTransformerConfig): Tensor3D {
  const side = storedGridSide(shape);
  const options = { antialias: config.interpolateAntialias, offset: config.interpolateOffset };
  return resizePositionEmbedding(stored, { height: side, width: side }, options);
}
