// Which learning rate and weight decay each parameter gets, decided from its official name alone.

/** The factors of one parameter, on top of the schedules. */
export interface ParameterGroup {
  readonly learningRateMultiplier: number;
  readonly weightDecayMultiplier: number;
  /** The heads' last layer follows its own learning rate, zero at first. */
  readonly isLastLayer: boolean;
}

export interface ParameterGroupOptions {
  /** 1 for none; 0.9 in the short recipe. */
  readonly layerwiseDecay: number;
  /** Extra factor for the patch embedding, 0.2 in all published recipes. */
  readonly patchEmbedMultiplier: number;
  /** Transformer blocks; counted from the names when not given. Heads have none. */
  readonly depth?: number;
}

/**
 * The index of the block a name belongs to. With block chunks (`blocks.CHUNK.INDEX.…`) the second number
 * is the block's index in the whole network, not within its chunk.
 */
function blockIndex(name: string): number | undefined {
  const match = /(?:^|\.)blocks\.(\d+)\.(?:(\d+)\.)?/.exec(name);
  return match ? Number(match[2] ?? match[1]) : undefined;
}

const inputLayer = /(?:^|\.)(?:pos_embed|patch_embed|mask_token|cls_token|register_tokens)(?:\.|$)/;

/** Layer 0 makes the tokens, block i is layer i + 1, all else (final norm, heads) comes after the last block. */
function layerOf(name: string, depth: number): number {
  if (inputLayer.test(name)) return 0;
  const block = blockIndex(name);
  return block === undefined ? depth + 1 : block + 1;
}

/** Biases, norms and LayerScale do not decay. Tokens, the position embedding and `weight_g` do. */
const decays = (name: string) => !(name.endsWith(".bias") || name.includes("norm") || name.includes("gamma"));

/**
 * Each parameter's multipliers, in the order of the names:
 *
 *     learning rate   layerwiseDecay^(depth + 1 - layer), × patchEmbedMultiplier for the patch embedding
 *     weight decay    0 for `*.bias`, `*norm*`, `*gamma*`; else 1
 *     last layer      name contains `last_layer`
 *
 * Takes the names of a backbone, of a head, or of a whole student (`backbone.…`, `dino_head.…`) at once.
 *
 * Source: `dinov2/utils/param_groups.py`, `get_vit_lr_decay_rate` and `get_params_groups_with_decay`.
 */
export function parameterGroups(
  parameterNames: Iterable<string>,
  options: ParameterGroupOptions,
): Map<string, ParameterGroup> {
  const names = [...parameterNames];
  const depth = options.depth ?? Math.max(0, ...names.map((name) => (blockIndex(name) ?? -1) + 1));
  return new Map(
    names.map((name) => {
      const byLayer = options.layerwiseDecay ** (depth + 1 - layerOf(name, depth));
      const group: ParameterGroup = {
        learningRateMultiplier: byLayer * (name.includes("patch_embed") ? options.patchEmbedMultiplier : 1),
        weightDecayMultiplier: decays(name) ? 1 : 0,
        isLastLayer: name.includes("last_layer"),
      };
      return [name, group];
    }),
  );
}

/** Parameters that share all their multipliers. */
export interface FusedGroup extends ParameterGroup {
  readonly names: readonly string[];
}

/** The distinct groups, in the order in which they first appear. Source: `param_groups.py`, `fuse_params_groups`. */
export function fuseGroups(groups: ReadonlyMap<string, ParameterGroup>): FusedGroup[] {
  const fused = new Map<string, ParameterGroup & { names: string[] }>();
  for (const [name, group] of groups) {
    const { learningRateMultiplier, weightDecayMultiplier, isLastLayer } = group;
    const key = `${learningRateMultiplier}/${weightDecayMultiplier}/${isLastLayer}`;
    const existing = fused.get(key);
    if (existing) existing.names.push(name);
    else fused.set(key, { ...group, names: [name] });
  }
  return [...fused.values()];
}

/** One iteration's rates for every parameter, as the optimisers take them. */
export interface ParameterRates {
  learningRate(name: string): number;
  weightDecay(name: string): number;
}

/**
 * The schedules' values of one iteration, spread over the parameters.
 * Source: `dinov2/train/train.py`, `apply_optim_scheduler`.
 */
export function parameterRates(
  groups: ReadonlyMap<string, ParameterGroup>,
  values: { readonly learningRate: number; readonly lastLayerLearningRate: number; readonly weightDecay: number },
): ParameterRates {
  const group = (name: string) => {
    const found = groups.get(name);
    if (!found) throw new Error(`The parameter "${name}" is in no parameter group.`);
    return found;
  };
  return {
    learningRate: (name) => {
      const { isLastLayer, learningRateMultiplier } = group(name);
      return (isLastLayer ? values.lastLayerLearningRate : values.learningRate) * learningRateMultiplier;
    },
    weightDecay: (name) => values.weightDecay * group(name).weightDecayMultiplier,
  };
}
