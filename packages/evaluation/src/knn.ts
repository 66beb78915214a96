// Weighted k-nearest-neighbour classification of frozen features, as DINOv2 reports it on ImageNet
// (arXiv 2304.07193, section 7.1; official file `dinov2/eval/knn.py`). Legend: N training rows, Q test rows,
// C classes, K the largest k.

import { type RankScore, rankScore } from "./accuracy.ts";
import type { LabelledFeatures } from "./feature-matrix.ts";
import { nearestNeighbours, type SearchOptions } from "./nearest-neighbours.ts";
import { type Answers, classCountOf } from "./rank.ts";
import type { Neighbours } from "./top-k.ts";

export const OFFICIAL_KS: readonly number[] = [10, 20, 100, 200];
export const OFFICIAL_TEMPERATURE = 0.07;

export interface KnnOptions extends SearchOptions {
  /** How many neighbours vote, one result each; those above N are left out. */
  readonly ks?: readonly number[];
  readonly temperature?: number;
}

export interface KnnScore extends RankScore {
  readonly k: number;
  /** [Q] the best of the classes that may be answered for each row */
  readonly predictions: Int32Array;
}

/** The ks that a bank of `count` rows can answer, ascending; at least one, which is then `count` itself. */
export function possibleKs(ks: readonly number[], count: number): number[] {
  const possible = [...new Set(ks)].filter((k) => k <= count).sort((a, b) => a - b);
  return possible.length > 0 ? possible : [count];
}

/**
 * Classifies test rows by the training rows most similar to them, by cosine.
 * @returns one score for each possible k, ascending
 * @throws RangeError when there is nothing to train on or to test
 */
export async function knnClassify(
  train: LabelledFeatures,
  test: LabelledFeatures & Answers,
  options: KnnOptions = {},
): Promise<KnnScore[]> {
  if (train.features.count === 0 || test.features.count === 0) {
    throw new RangeError(`k-NN needs rows on both sides: ${train.features.count} to train, ${test.features.count} to test.`);
  }
  const ks = possibleKs(options.ks ?? OFFICIAL_KS, train.features.count);
  const neighbours = await nearestNeighbours(train.features, test.features, ks.at(-1)!, options);
  const weights = voteWeights(neighbours, options.temperature ?? OFFICIAL_TEMPERATURE);
  return ks.map((k) => score(k, neighbours, weights, train.labels, test, classCountOf(train, test)));
}

/**
 * softmax(similarity / temperature) over all K neighbours of each row, [Q, K]. The first k weights of a row serve
 * for a smaller k as they are, so that its votes do not add up to 1: so does the official code.
 */
export function voteWeights({ queryCount, k, similarities }: Neighbours, temperature: number): Float64Array {
  const weights = new Float64Array(queryCount * k);
  for (let start = 0; start < weights.length; start += k) {
    const largest = similarities[start]!; // rows are in falling order
    let sum = 0;
    for (let i = start; i < start + k; i++) sum += weights[i] = Math.exp((similarities[i]! - largest) / temperature);
    for (let i = start; i < start + k; i++) weights[i] = weights[i]! / sum;
  }
  return weights;
}

/**
 * Each class's votes for test row `query`: the weights of its first k neighbours, summed by their class.
 * @param votes [C], overwritten
 */
export function sumVotes(
  votes: Float64Array,
  query: number,
  k: number,
  neighbours: Neighbours,
  weights: Float64Array,
  trainLabels: Int32Array,
): void {
  votes.fill(0);
  const start = query * neighbours.k;
  for (let i = start; i < start + k; i++) votes[trainLabels[neighbours.indices[i]!]!]! += weights[i]!;
}

function score(
  k: number,
  neighbours: Neighbours,
  weights: Float64Array,
  trainLabels: Int32Array,
  answers: Answers,
  classCount: number,
): KnnScore {
  const votes = new Float64Array(classCount);
  const votesOf = (query: number) => {
    sumVotes(votes, query, k, neighbours, weights, trainLabels);
    return votes;
  };
  return { k, ...rankScore(answers, classCount, votesOf) };
}
