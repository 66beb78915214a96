import { expect, it } from "vitest";
import { expectedStart, startDeviations } from "./expected-start.ts";
import { parseRecipe } from "./recipe.ts";

it("expects 16/18, 2/18 and 1/2 of ln K with 8 local crops and half of the crops masked", () => {
  const start = expectedStart(parseRecipe({ heads: { dino: { prototypes: 65536 } } }));
  // 16/18 · ln 65536 = 9.86 and 2/18 · ln 65536 = 1.23, as official logs begin (they show half of iBOT).
  expect(start.dino_local_crops_loss).toBeCloseTo(9.858, 3);
  expect(start.dino_global_crops_loss).toBeCloseTo(1.232, 3);
  expect(start.ibot_loss).toBeCloseTo(5.545, 3);
});

it("takes the iBOT head's own prototypes when it is separate", () => {
  const start = expectedStart(parseRecipe({ heads: { ibot: { separate: true, prototypes: 1024 } } }));
  expect(start.ibot_loss).toBeCloseTo(0.5 * Math.log(1024), 10);
});

it("expects no loss that a recipe has not", () => {
  const start = expectedStart(parseRecipe({ crops: { localCount: 0 }, loss: { ibotWeight: 0 } }));
  expect(Object.keys(start)).toEqual(["dino_global_crops_loss"]);
});

it("finds first losses that no untrained heads give, and names their range", () => {
  const recipe = parseRecipe({ heads: { dino: { prototypes: 65536 } } });
  // What a run of 65,536 prototypes began with, by Sinkhorn-Knopp (ln K and 2 % more) and by centring (7 % less).
  for (const share of [1.018, 0.93]) {
    const measures = Object.entries(expectedStart(recipe)).map(([name, value]) => [name, value * share]);
    expect(startDeviations(recipe, Object.fromEntries(measures))).toEqual([]);
  }
  expect(startDeviations(recipe, { dino_local_crops_loss: 9.9, ibot_loss: 2.77, koleo_loss: 99 })).toEqual([
    "ibot_loss is 2.770, expected 4.88 to 5.92",
  ]);
  expect(startDeviations(recipe, { dino_local_crops_loss: 12 })).toHaveLength(1);
});
