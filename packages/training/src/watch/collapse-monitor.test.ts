// Collapse that is made on purpose: a teacher whose last layer, or whose features, say the same of every image.

import { tf, useBackend } from "@dinov2/tensor";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { namedParameters } from "../network.ts";
import type { RecipeInput } from "../recipe.ts";
import { noiseBatch, tinyRecipe } from "../testing.ts";
import { createTrainingState, disposeTrainingState, type TrainingState } from "../training-state.ts";
import { collapseMeasures, type CollapseMeasures } from "./collapse-monitor.ts";
import { collapseWarnings } from "./collapse-warnings.ts";

beforeAll(() => useBackend({ name: "wasm" }));

let state: TrainingState;
afterEach(() => disposeTrainingState(state));

/** Measures of a network of 16 prototypes on 8 images, after a change of its teacher. */
async function measure(changes: RecipeInput = {}, change: (state: TrainingState) => void = () => {}): Promise<CollapseMeasures> {
  const recipe = tinyRecipe({ data: { batchSize: 8 }, ...changes });
  state = createTrainingState(recipe);
  tf.tidy(() => change(state));
  const batch = noiseBatch(recipe);
  const before = tf.memory().numTensors;
  const measures = await collapseMeasures(state, [batch], 0.05);
  expect(tf.memory().numTensors).toBe(before);
  tf.dispose(Object.values(batch).filter((value) => value instanceof tf.Tensor));
  return measures!;
}

const run = { prototypes: 16, width: 12, crops: 16, isUnderWay: true };
const names = (measures: CollapseMeasures, isUnderWay = true) =>
  collapseWarnings(measures, { ...run, isUnderWay }).map(({ name }) => name);

const setTeacher = (name: string, values: (old: tf.Tensor) => tf.Tensor) => (state: TrainingState) => {
  const variable = namedParameters(state.teacher).get(name)!;
  variable.assign(values(variable));
};

describe("collapseMeasures", () => {
  it("tells images apart by targets and features", async () => {
    const measures = await measure({ teacher: { targets: "sinkhorn-knopp" }, model: { layerScale: 1, depth: 2 } });
    // A mean's entropy is the mean entropy and more.
    expect(Math.log(measures.prototypes_used)).toBeGreaterThan(measures.target_entropy + 0.1);
    expect(measures.feature_rank).toBeGreaterThan(2);
    expect(names(measures)).toEqual([]);
  });

  it("has the entropies of the centred softmax, over more crops than a pass takes", async () => {
    const changes: RecipeInput = { teacher: { targets: "centering" }, model: { layerScale: 1 }, data: { batchSize: 20 } };
    const measures = await measure(changes, ({ centers }) => centers!.dino.assign(tf.reshape(tf.linspace(-0.1, 0.1, 16), [1, 16])));
    const { globalCrops } = noiseBatch(tinyRecipe(changes));
    const { teacher, centers } = state;
    const logits = tf.tidy(() => teacher.dinoHead.forward(teacher.backbone.forward(globalCrops)).arraySync());
    const center = centers!.dino.arraySync()[0]!;
    const targets = logits.map((row) => {
      const powers = row.map((logit, k) => Math.exp((logit - center[k]!) / 0.05));
      const sum = powers.reduce((a, b) => a + b);
      return powers.map((power) => power / sum);
    });
    const entropy = (row: readonly number[]) => row.reduce((sum, p) => sum - p * Math.log(p), 0);
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;
    expect(targets).toHaveLength(40);
    expect(measures.target_entropy).toBeCloseTo(mean(targets.map(entropy)), 4);
    expect(Math.log(measures.prototypes_used)).toBeCloseTo(entropy(center.map((_, k) => mean(targets.map((row) => row[k]!)))), 4);
  });

  it("sees one prototype for all images, which a centre of the others' mass makes", async () => {
    const measures = await measure({ teacher: { targets: "centering" } }, ({ centers }) =>
      centers!.dino.assign(tf.concat([tf.fill([1, 1], -100), tf.zeros([1, 15])], 1)),
    );
    expect(measures.prototypes_used).toBeCloseTo(1, 4);
    expect(measures.target_entropy).toBeCloseTo(0, 4);
    expect(names(measures, false)).toEqual(["few-prototypes"]);
    expect(collapseWarnings(measures, run)[0]!.message).toMatch(/Targets use 1\.0 of 16 prototypes.*sinkhorn-knopp/);
  });

  it("sees that Sinkhorn-Knopp spreads what is the same for all images over all prototypes", async () => {
    const measures = await measure({ teacher: { targets: "sinkhorn-knopp" } });
    expect(measures.target_entropy).toBeCloseTo(Math.log(16), 4);
    expect(names(measures)).toContain("same-targets");
  });

  it("sees targets that are uniform", async () => {
    const measures = await measure(
      { teacher: { targets: "centering" } },
      setTeacher("dino_head.last_layer.weight_g", (old) => tf.zerosLike(old)),
    );
    expect(measures.target_entropy).toBeCloseTo(Math.log(16), 4);
    expect(measures.prototypes_used).toBeCloseTo(16, 3);
    expect(names(measures)).toContain("same-targets");
    expect(names(measures, false)).toEqual([]);
  });

  it("sees features that are the same for every image", async () => {
    const measures = await measure({}, (state) => {
      setTeacher("backbone.norm.weight", (old) => tf.zerosLike(old))(state);
      setTeacher("backbone.norm.bias", (old) => tf.onesLike(old))(state);
    });
    expect(measures.feature_rank).toBeCloseTo(1, 4);
    expect(names(measures)).toEqual(expect.arrayContaining(["same-features", "low-rank", "near-duplicates"]));
  });

  it("has nothing to say of a network whose features are not finite", async () => {
    expect(await measure({}, setTeacher("backbone.norm.bias", (old) => tf.mul(old, NaN)))).toBeNull();
  });
});

describe("collapseWarnings", () => {
  it("has none for features and targets that are well spread", () => {
    const healthy = { target_entropy: 1, prototypes_used: 9, feature_std: 0.6, neighbour_distance: 0.5, feature_rank: 7 };
    expect(names(healthy)).toEqual([]);
  });
});
