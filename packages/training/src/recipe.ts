// From a recipe's name or file, and the changes of a command line, to a complete, checked recipe.

import { readdir, readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { InputError, nearestName } from "@dinov2/foundation";
import { parse as parseYaml } from "yaml";
import { describeIssues, flatten, unknownKey } from "./recipe-issues.ts";
import { type Recipe, type RecipeInput, recipeSchema } from "./recipe-schema.ts";

const recipeFolder = fileURLToPath(new URL("../recipes", import.meta.url));
const extension = ".yaml";

/** Every setting of a recipe, as `section.key`. */
export const recipeKeys: readonly string[] = [...flatten(recipeSchema.parse({})).keys()];

/** The names of the recipes that come with the package. */
export async function listRecipes(): Promise<string[]> {
  const files = await readdir(recipeFolder);
  return files
    .filter((file) => file.endsWith(extension))
    .map((file) => basename(file, extension))
    .sort();
}

/**
 * Reads a recipe by name (`vitti8-demo`) or from a YAML file, and applies `key=value` changes.
 * @throws InputError for an unknown recipe or key, a value of the wrong type or range, or values that
 *   do not fit together
 */
export async function loadRecipe(nameOrPath: string, changes: readonly string[] = []): Promise<Recipe> {
  const path = await recipePath(nameOrPath);
  let settings: unknown;
  try {
    settings = parseYaml(await readFile(path, "utf8")) ?? {};
  } catch (error) {
    throw new InputError(`Recipe ${path} is not readable YAML: ${firstLine(error)}`);
  }
  return parseRecipe(applyChanges(settings, changes), `Recipe ${nameOrPath}`);
}

/** Checks settings and fills in the defaults. `origin` begins the message of an error. */
export function parseRecipe(settings: unknown, origin = "Recipe"): Recipe {
  const parsed = recipeSchema.safeParse(settings);
  if (!parsed.success) {
    throw new InputError(sentence(`${origin}: ${describeIssues(parsed.error.issues, settings, recipeKeys)}`));
  }
  const misfit = misfits(parsed.data);
  if (misfit.length > 0) throw new InputError(sentence(`${origin}: ${misfit.join("; ")}`));
  return parsed.data;
}

/** The keys in which two recipes differ, as "key: before → after". */
export function recipeDifferences(before: Recipe, after: Recipe): string[] {
  const [old, present] = [flatten(before), flatten(after)];
  return recipeKeys
    .filter((key) => JSON.stringify(old.get(key)) !== JSON.stringify(present.get(key)))
    .map((key) => `${key}: ${JSON.stringify(old.get(key))} → ${JSON.stringify(present.get(key))}`);
}

async function recipePath(nameOrPath: string): Promise<string> {
  const isPath = /[\\/]|\.ya?ml$/.test(nameOrPath);
  const path = isPath ? nameOrPath : `${recipeFolder}/${nameOrPath}${extension}`;
  const isFile = await stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  );
  if (isFile) return path;
  if (isPath) throw new InputError(`Recipe file ${nameOrPath} is not there; give a YAML file or a recipe's name.`);
  const known = await listRecipes();
  const nearest = nearestName(nameOrPath, known);
  throw new InputError(
    `Unknown recipe "${nameOrPath}"${nearest ? `, did you mean "${nearest}"?` : "."} ` +
      `Known: ${known.join(", ")}; or give the path of a YAML file.`,
  );
}

/** Sets `section.key=value` in a copy of `settings`. A value is read as YAML: 3, 1e-4, true, null, [0.1, 0.5], word. */
function applyChanges(settings: unknown, changes: readonly string[]): unknown {
  const changed = structuredClone(settings);
  for (const change of changes) {
    const [, key, text] = /^([\w.]+)=(.*)$/s.exec(change) ?? [];
    if (key === undefined || text === undefined) {
      throw new InputError(`--set ${change} is not key=value, as in --set data.batchSize=32.`);
    }
    if (!recipeKeys.includes(key)) throw new InputError(sentence(`--set ${change}: ${unknownKey(key, recipeKeys)}`));
    const path = key.split(".");
    let node = requireGroup(changed, "the recipe", change);
    for (const section of path.slice(0, -1)) node = requireGroup((node[section] ??= {}), section, change);
    node[path.at(-1)!] = changeValue(change, text);
  }
  return changed;
}

function requireGroup(value: unknown, name: string, change: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new InputError(`--set ${change}: ${name} is ${JSON.stringify(value)} in the recipe file, expected a group of keys.`);
}

function changeValue(change: string, text: string): unknown {
  try {
    // YAML 1.2 takes 1e-4 for a number only with a dot in some readers; a plain number is read as one here.
    return text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : parseYaml(text);
  } catch (error) {
    throw new InputError(`--set ${change}: the value is not readable: ${firstLine(error)}`);
  }
}

/** What fits no single key's type: sizes against the patch, lengths against each other. */
function misfits({ model, crops, schedule, loss, data, efficiency }: Recipe): string[] {
  const found: string[] = [];
  for (const key of ["globalSize", "localSize"] as const) {
    const size = crops[key];
    if (size % model.patchSize !== 0) {
      const below = Math.max(1, Math.floor(size / model.patchSize)) * model.patchSize;
      found.push(
        `crops.${key} is ${size}, expected a multiple of model.patchSize ${model.patchSize}, ` +
          `such as ${below} or ${below + model.patchSize}`,
      );
    }
  }
  if (model.embedDim !== null && model.numHeads !== null && model.embedDim % model.numHeads !== 0) {
    found.push(`model.embedDim is ${model.embedDim}, expected a multiple of model.numHeads ${model.numHeads}`);
  }
  if (schedule.warmupSteps > schedule.steps) {
    found.push(`schedule.warmupSteps is ${schedule.warmupSteps}, expected at most schedule.steps ${schedule.steps}`);
  }
  if (loss.dinoWeight + loss.ibotWeight + loss.koleoWeight === 0) {
    found.push("loss.dinoWeight, loss.ibotWeight and loss.koleoWeight are all 0, expected one above 0");
  }
  if (loss.koleoWeight > 0 && data.batchSize < 2) {
    found.push(
      "data.batchSize is 1, expected at least 2: KoLeo needs a nearest neighbour; or set loss.koleoWeight to 0",
    );
  }
  for (const key of ["mean", "std"] as const) {
    const count = data[key]?.length ?? data.channels;
    if (count !== data.channels) found.push(`data.${key} has ${count} numbers, expected one for each of data.channels ${data.channels}`);
  }
  return [...found, ...unequalParts(loss, data.batchSize, efficiency.accumulationSteps)];
}

function unequalParts({ koleoWeight, koleoOver, koleoImages }: Recipe["loss"], batchSize: number, parts: number): string[] {
  const part = batchSize / parts;
  if (!Number.isInteger(part)) {
    return [`efficiency.accumulationSteps is ${parts}, expected a divisor of data.batchSize ${batchSize}`];
  }
  if (koleoWeight === 0) return [];
  const isOverParts = koleoOver === "part" && parts > 1;
  const images = isOverParts ? part : batchSize;
  if (koleoImages !== null && images % koleoImages !== 0) {
    const of = isOverParts
      ? `the ${part} images of a part (data.batchSize / efficiency.accumulationSteps); or set loss.koleoOver to step`
      : `data.batchSize ${batchSize}`;
    return [`loss.koleoImages is ${koleoImages}, expected a divisor of ${of}`];
  }
  if (isOverParts && part === 1) {
    return [
      `efficiency.accumulationSteps is ${parts}, so a part is one image; expected at least 2, since KoLeo needs a nearest neighbour; ` +
        "or set loss.koleoOver to step",
    ];
  }
  return [];
}

const sentence = (text: string) => (text.endsWith("?") ? text : `${text}.`);

const firstLine = (error: unknown) => (error instanceof Error ? error.message : String(error)).split("\n")[0]!;

export type { Recipe, RecipeInput };
