// Collation against the reference's: order, masked positions and weights exactly, the draws by their statistics.

import { drawMasks, maskBudget, maskingOptions, stackCrops, stackMasks } from "@dinov2/data";
import { RandomStream } from "@dinov2/foundation";
import { compareNumbers, compareStatistic, compareTensor, type Check, type Comparison, type GoldenCase } from "../harness.ts";

interface Budget {
  readonly B_global_crops: number;
  readonly n_tokens: number;
  readonly mask_ratio: readonly [number, number];
  readonly mask_probability: number;
  readonly n_samples_masked: number;
  readonly upperbound: number;
  readonly per_sample_upper: readonly number[];
}

interface Statistics extends Omit<Budget, "n_samples_masked" | "per_sample_upper"> {
  readonly draws: number;
  readonly masked_samples_mean: number;
  readonly sorted_ratio_mean: readonly number[];
  readonly sorted_ratio_std: readonly number[];
  readonly total_masked_mean: number;
  readonly total_masked_std: number;
  readonly p_position_masked: readonly number[];
}

const exact = { atol: 0, rtol: 0 };

export const check: Check = async (golden) => [
  ...checkMasks(golden),
  ...["global", "local"].map((kind) => checkOrder(golden, `out.collated_${kind}_crops`)),
  ...golden.value<Budget[]>("upperbound").flatMap(checkBudget),
  ...checkDraws(golden.value<Statistics>("stats")),
];

function checkMasks(golden: GoldenCase): Comparison[] {
  const { shape, data } = golden.tensor("in.masks");
  const [crops, patches] = [shape[0]!, shape[1]!];
  const masks = Array.from({ length: crops }, (_, i) => Uint8Array.from(data.subarray(i * patches, (i + 1) * patches)));
  const { maskIndices, maskWeights } = stackMasks(masks, patches);
  return [
    compareTensor(golden, "out.mask_indices_list", { shape: [maskIndices.length], data: maskIndices }),
    compareTensor(golden, "out.masks_weight", { shape: [maskWeights.length], data: maskWeights }),
    compareStatistic("n_masked_patches", maskIndices.length, golden.value<number>("n_masked_patches"), 0),
  ];
}

/**
 * The manifest's crops say where they come from: crop j of picture i is filled with step·i + j ("global_crops[i][j] =
 * 10*i+j"), so stacking such crops must give the tensor again.
 */
function checkOrder(golden: GoldenCase, name: string): Comparison {
  const { shape, data: expected } = golden.tensor(name);
  const step = Number(/= (\d+)\*i\+j/.exec(golden.description(name))?.[1]);
  const [rows, channels, height, width] = shape as [number, number, number, number];
  const pictures = Math.floor(Math.max(...expected) / step) + 1;
  const crops = Array.from({ length: pictures }, (_, picture) =>
    Array.from({ length: rows / pictures }, (_, crop) =>
      new Float32Array(channels * height * width).fill(step * picture + crop),
    ),
  );
  const { data } = stackCrops(crops, [channels, height, width]);
  return compareTensor(golden, name, { shape, data });
}

function checkBudget(row: Budget): Comparison[] {
  const options = { maskRatio: row.mask_ratio, maskProbability: row.mask_probability };
  const { edges, upperbound } = maskBudget(row.B_global_crops, row.n_tokens, options);
  const name = `upperbound of ${row.B_global_crops} crops, ${row.n_tokens} tokens, ${row.mask_ratio}, ${row.mask_probability}`;
  const perSample = Array.from(edges.subarray(1), (edge) => Math.trunc(Math.fround(row.n_tokens * edge)));
  return [
    compareStatistic(name, upperbound, row.upperbound, 0),
    compareStatistic(`${name}: masked samples`, edges.length - 1, row.n_samples_masked, 0),
    compareNumbers(`${name}: per sample`, perSample, row.per_sample_upper, exact),
  ];
}

/** Draws whole batches: how many patches, of which crops. */
function checkDraws(reference: Statistics): Comparison[] {
  const { B_global_crops: crops, n_tokens: patches, draws } = reference;
  const side = Math.sqrt(patches);
  const options = maskingOptions({
    patchSize: 14,
    maskRatio: reference.mask_ratio,
    maskProbability: reference.mask_probability,
  });
  const random = RandomStream.fromSeed(2);
  const batches = Array.from({ length: draws }, () => drawMasks(crops, { height: side, width: side }, options, random));
  const counts = batches.map(({ masks }) =>
    Array.from({ length: crops }, (_, crop) =>
      masks.data.subarray(crop * patches, (crop + 1) * patches).reduce((a, b) => a + b, 0),
    ),
  );
  const ratios = counts.map((row) => row.filter((count) => count > 0).sort((a, b) => a - b).map((count) => count / patches));
  const mean = (name: string, values: number[], expected: number, std: number) =>
    compareStatistic(name, average(values), expected, 5 * std * Math.sqrt(2 / draws));
  const maskedShare = reference.mask_probability;
  return [
    compareStatistic("masked crops", average(ratios.map((row) => row.length)), reference.masked_samples_mean, 0),
    compareStatistic("upperbound", batches[0]!.upperbound, reference.upperbound, 0),
    ...reference.sorted_ratio_mean.map((expected, rank) =>
      mean(`ratio of rank ${rank}`, ratios.map((row) => row[rank]!), expected, reference.sorted_ratio_std[rank]!),
    ),
    mean("masked in all", batches.map((batch) => batch.maskIndices.length), reference.total_masked_mean, reference.total_masked_std),
    ...reference.p_position_masked.map((expected, position) =>
      mean(
        `crop ${position} is masked`,
        counts.map((row) => Number(row[position]! > 0)),
        expected,
        Math.sqrt(maskedShare * (1 - maskedShare)),
      ),
    ),
  ];
}

const average = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
