// Learning-rate and weight-decay multipliers of every parameter, from the names alone, and the fused groups.

import { fuseGroups, parameterGroups } from "@dinov2/optim";
import { compareFact, compareNumbers, type Comparison, type GoldenCase } from "../harness.ts";

type Row = [name: string, learningRate: number, weightDecay: number, isLastLayer: boolean];
type FusedRow = [learningRate: number, weightDecay: number, isLastLayer: boolean, count: number];

export async function check(golden: GoldenCase): Promise<Comparison[]> {
  return Object.entries(golden.values).flatMap(([name, { value, attributes, tolerance }]) => {
    const expected = value as { groups: Row[]; fused: FusedRow[] };
    const { layerwise_decay, patch_embed_lr_mult } = attributes as Record<string, number>;
    const names = expected.groups.map(([parameter]) => parameter);
    const groups = parameterGroups(names, {
      layerwiseDecay: layerwise_decay!,
      patchEmbedMultiplier: patch_embed_lr_mult!,
    });
    const fused = fuseGroups(groups);
    const within = tolerance as { atol: number; rtol: number };
    return [
      compareFact(`${name} order`, [...groups.keys()].join() === names.join(), "another order of the names"),
      compareNumbers(
        `${name} groups`,
        [...groups.values()].flatMap((g) => [g.learningRateMultiplier, g.weightDecayMultiplier, Number(g.isLastLayer)]),
        expected.groups.flatMap(([, rate, decay, last]) => [rate, decay, Number(last)]),
        within,
      ),
      compareNumbers(
        `${name} fused`,
        fused.flatMap((g) => [
          g.learningRateMultiplier,
          g.weightDecayMultiplier,
          Number(g.isLastLayer),
          g.names.length,
        ]),
        expected.fused.flatMap(([rate, decay, last, count]) => [rate, decay, Number(last), count]),
        within,
      ),
    ];
  });
}
