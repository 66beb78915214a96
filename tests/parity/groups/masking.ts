// Block masks against the statistics of the reference's generator.

import { generateBlockMask, maxBlockPatches, type BlockMask, type BlockMaskOptions } from "@dinov2/data";
import { RandomStream } from "@dinov2/foundation";
import { compareFact, compareNumbers, compareStatistic, type Check, type Comparison, type GoldenCase } from "../harness.ts";

/** Statistics of the reference at one masking ratio. */
interface Reference {
  readonly target: number;
  readonly masked_min: number;
  readonly masked_max: number;
  readonly masked_mean: number;
  readonly masked_std: number;
  readonly p_exactly_target: number;
  readonly p_gave_up: number;
  readonly blocks_mean: number;
  readonly blocks_std: number;
  readonly first_block_area_mean: number;
  readonly first_block_area_std: number;
  readonly first_block_log_aspect_mean: number;
  readonly first_block_log_aspect_std: number;
}

/** Ours is drawn more often than the reference was, so that its own error hardly adds to the tolerance. */
const ownDraws = 20_000;

export const check: Check = async (golden) => {
  const grid = golden.attribute<number>("grid");
  const draws = golden.attribute<number>("draws");
  const options: BlockMaskOptions = {
    height: grid,
    width: grid,
    minBlockPatches: golden.attribute<number>("min_num_patches"),
    maxBlockPatches: golden.attribute<number>("max_num_patches"),
    aspectRatio: [golden.attribute<number>("min_aspect"), golden.attribute<number>("max_aspect")],
  };
  const references = Object.entries(golden.value<Record<string, Reference>>("stats"));
  return [
    ...references.flatMap(([ratio, reference]) => checkRatio(golden, ratio, reference, options, draws)),
    ...checkBlockLimits(golden),
    compareStatistic("mask_of_zero_is_empty", generateBlockMask(options, 0, RandomStream.fromSeed(0)).maskedCount, 0, 0),
  ];
};

function checkRatio(
  golden: GoldenCase,
  ratio: string,
  reference: Reference,
  options: BlockMaskOptions,
  draws: number,
): Comparison[] {
  const random = RandomStream.fromSeed(1).split("masking", ratio);
  const masks = Array.from({ length: ownDraws }, () => generateBlockMask(options, reference.target, random));
  const firstBlocks = masks.map(({ blocks }) => blocks[0]!);
  const logAspects = firstBlocks.map(({ height, width }) => Math.log(height / width));
  const exact = masks.map(({ maskedCount }) => Number(maskedCount === reference.target));
  const mean = (name: string, values: number[], expected: number, std: number) =>
    compareStatistic(`${ratio} ${name}`, average(values), expected, 5 * std * Math.sqrt(1 / draws + 1 / ownDraws));
  const share = (name: string, values: number[], p: number) => mean(name, values, p, Math.sqrt(p * (1 - p)));
  const most = Math.max(...masks.map(({ maskedCount }) => maskedCount));
  const allowedSpread = (5 * reference.first_block_log_aspect_std) / Math.sqrt(draws);
  return [
    mean("masked", masks.map(({ maskedCount }) => maskedCount), reference.masked_mean, reference.masked_std),
    mean("blocks", masks.map(({ blocks }) => blocks.length), reference.blocks_mean, reference.blocks_std),
    mean(
      "first area",
      firstBlocks.map(({ height, width }) => height * width),
      reference.first_block_area_mean,
      reference.first_block_area_std,
    ),
    mean("first log aspect", logAspects, reference.first_block_log_aspect_mean, reference.first_block_log_aspect_std),
    compareStatistic(
      `${ratio} spread of the first log aspect`,
      deviation(logAspects),
      reference.first_block_log_aspect_std,
      allowedSpread,
    ),
    share("exactly the target", exact, reference.p_exactly_target),
    share("gave up", exact.map((hit) => 1 - hit), reference.p_gave_up),
    compareFact(`${ratio} never above the target`, most <= reference.masked_max, `at most ${most}`),
    checkCells(golden, ratio, masks, draws),
  ];
}

/** Every cell's frequency, within five standard errors of the difference of the two samples. */
function checkCells(golden: GoldenCase, ratio: string, masks: readonly BlockMask[], draws: number): Comparison {
  const expected = golden.tensor(`out.cell_frequency.${ratio}`).data;
  const got = new Float64Array(expected.length);
  for (const { mask } of masks) mask.forEach((masked, cell) => (got[cell]! += masked / masks.length));
  const scaled = (values: ArrayLike<number>) =>
    Float64Array.from(values, (value, cell) => {
      const p = (expected[cell]! * draws + got[cell]! * masks.length) / (draws + masks.length);
      return value / (5 * Math.sqrt(Math.max(p * (1 - p), 1 / draws) * (1 / draws + 1 / masks.length)));
    });
  return compareNumbers(`out.cell_frequency.${ratio}`, scaled(got), scaled(expected), { atol: 1, rtol: 0 });
}

/** "224/14" → the largest block of such a crop. */
function checkBlockLimits(golden: GoldenCase): Comparison[] {
  return Object.entries(golden.value<Record<string, number>>("max_num_patches_by_size")).map(([size, expected]) => {
    const [image, patch] = size.split("/").map(Number);
    return compareStatistic(`max_num_patches ${size}`, maxBlockPatches(image!, patch!), expected, 0);
  });
}

const average = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const deviation = (values: readonly number[]) => {
  const mean = average(values);
  return Math.sqrt(average(values.map((value) => (value - mean) ** 2)));
};
