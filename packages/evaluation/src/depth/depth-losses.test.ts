import { tf, useBackend, valueAndGradients } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import { gradientLoss, sigLoss } from "./depth-losses.ts";

beforeAll(() => useBackend({ name: "wasm" }));

const grid = (rows: number[][], copies = 1) => tf.tensor3d(Array.from({ length: copies }, () => rows));

describe("sigLoss", () => {
  it("is a bias alone, √0.15 |mean g|, when all depths are off by one factor", async () => {
    const [loss] = await sigLoss(grid([[2, 4]]), grid([[1, 2]])).data();
    expect(loss).toBeCloseTo(Math.sqrt(0.15) * Math.log(2), 2);
  });

  it("has a finite gradient where nothing was measured", () => {
    const predicted = tf.variable(grid([[1, 2]]));
    const { value, gradients } = valueAndGradients(() => sigLoss(predicted as never, grid([[0, 0]])), new Map([["p", predicted]]));
    expect([...gradients.get("p")!.dataSync()]).toEqual([0, 0]);
    expect(value.dataSync()[0]).toBeLessThan(1e-5);
  });
});

describe("gradientLoss", () => {
  const steps = () => grid([[1, 1, 8], [1, 1, 8], [1, 1, 8]], 2);
  const flat = () => grid([[1, 1, 1], [1, 1, 1], [1, 1, 1]], 2);

  it("sees a wrong edge in two images of one channel, where the official code sees nothing", async () => {
    const edge = Math.log(8.001) - Math.log(1.001);
    // At stride 1 each of 3 rows has one pair of 9 pixels; coarser maps of 2 places have no pair two apart.
    expect((await gradientLoss(steps(), flat()).data())[0]).toBeCloseTo((3 * edge) / 9, 4);
  });

  it("leaves out pairs of which one was not measured", async () => {
    const holes = grid([[0, 1, 1], [0, 1, 1], [0, 1, 1]], 2);
    expect((await gradientLoss(steps(), holes).data())[0]).toBe(0);
  });
});
