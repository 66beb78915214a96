import { linear, RandomStream, scaledPrototypes, tf, useBackend, weightNorm, type Tensor2D } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import { updateCenter, updateCenterFrom } from "./centering.ts";
import { randomRows } from "./definitions.ts";
import { dinoLoss } from "./dino-loss.ts";
import { ibotLoss } from "./ibot-loss.ts";
import { pairedRowsLoss, type RowPair } from "./paired-rows-loss.ts";

const random = RandomStream.fromSeed(8);
const rowsOf = (label: string, rows: number, columns: number) => tf.tensor2d(randomRows(random.split(label), rows, columns, 0.5));
const largest = (a: tf.Tensor, b: tf.Tensor) => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!;

// 2 images: 4 class tokens of global crops and 6 of local ones, then 5 hidden patches; the teacher has 4 and 5.
const [images, locals, hidden, width, prototypes, temperature] = [2, 6, 5, 4, 9, 0.1];
const globals = 2 * images;

function pairs(): { pairs: RowPair[]; weights: number[]; maskWeights: number[] } {
  const maskWeights = [0.5, 0.5, 1 / 3, 1 / 3, 1 / 3];
  const list = (count: number, pairOf: (i: number) => RowPair) => Array.from({ length: count }, (_, i) => pairOf(i));
  return {
    pairs: [
      ...list(locals, (i) => ({ student: globals + i, teacher: [i % images, images + (i % images)] })),
      ...list(globals, (i) => ({ student: i, teacher: [(i + images) % globals] })),
      ...list(hidden, (i) => ({ student: globals + locals + i, teacher: [globals + i] })),
    ],
    weights: [...Array<number>(locals).fill(1 / images), ...Array<number>(globals).fill(1 / globals), ...maskWeights.map((w) => w / globals)],
    maskWeights,
  };
}

describe.each(["cpu", "wasm"] as const)("the loss of paired rows on %s", (backend) => {
  beforeAll(() => useBackend({ name: backend }));

  it("is DINO's and iBOT's losses of the whole logits, with their gradients", () => {
    tf.tidy(() => {
      const inputs = [rowsOf("x", globals + locals + hidden, width), rowsOf("v", prototypes, width), tf.add(tf.abs(rowsOf("g", prototypes, 1)), 1)];
      const teacher = tf.softmax(rowsOf("t", globals + hidden, prototypes)) as Tensor2D;
      const { pairs: list, weights, maskWeights } = pairs();
      const asked: number[] = [];

      const paired = (x: tf.Tensor, v: tf.Tensor, g: tf.Tensor) =>
        pairedRowsLoss(x as Tensor2D, { v: v as Tensor2D, g: g as Tensor2D }, list, tf.tensor1d(weights), (rows) => {
          asked.push(...rows);
          return tf.gather(teacher, [...rows]);
        }, temperature);
      const whole = (x: tf.Tensor, v: tf.Tensor, g: tf.Tensor) => {
        const logits = linear(x, weightNorm(v as Tensor2D, g as Tensor2D));
        const [ofGlobals, ofLocals, ofHidden] = tf.split(logits, [globals, locals, hidden]) as Tensor2D[];
        const [first, second, patches] = tf.split(teacher, [images, images, hidden]) as Tensor2D[];
        const swapped = tf.concat<Tensor2D>([second!, first!]);
        const local = dinoLoss(tf.split(ofLocals!, locals / images) as Tensor2D[], [first!, second!], temperature);
        const ibot = ibotLoss(ofHidden!, patches!, tf.tensor1d(maskWeights), globals, temperature);
        return tf.addN([local, dinoLoss([ofGlobals!], [swapped], temperature), ibot]);
      };

      const { total, losses } = paired(...(inputs as [tf.Tensor, tf.Tensor, tf.Tensor]));
      expect(asked.toSorted((a, b) => a - b)).toEqual(Array.from({ length: globals + hidden }, (_, row) => row));
      expect(largest(total, whole(...(inputs as [tf.Tensor, tf.Tensor, tf.Tensor])))).toBeLessThan(1e-4);
      expect(largest(tf.sum(losses), total)).toBeLessThan(1e-4);
      const found = tf.grads((x, v, g) => paired(x!, v!, g!).total)(inputs);
      const expected = tf.grads((x, v, g) => whole(x!, v!, g!))(inputs);
      found.forEach((gradient, i) => expect(largest(gradient, expected[i]!)).toBeLessThan(1e-4));
    });
  });

  it("leaves no tensor behind but its results", () => {
    const { pairs: list, weights } = pairs();
    const [x, v, g] = [rowsOf("x", globals + locals + hidden, width), rowsOf("v", prototypes, width), tf.ones([prototypes, 1]) as Tensor2D];
    const counts = tf.tensor1d(weights);
    const before = tf.memory().numTensors;
    const { total, losses } = pairedRowsLoss(x, { v, g }, list, counts, (rows) => tf.fill([rows.length, prototypes], 1 / prototypes), temperature);
    tf.dispose([total, losses]);
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([x, v, g, counts]);
  });
});

describe("a centre moved by rows before their product with the prototypes", () => {
  beforeAll(() => useBackend({ name: "cpu" }));

  it("is the one moved by their logits", () => {
    tf.tidy(() => {
      const [x, v, center] = [rowsOf("x", 7, width), rowsOf("v", prototypes, width), rowsOf("c", 1, prototypes)];
      const g = tf.add(tf.abs(rowsOf("g", prototypes, 1)), 1) as Tensor2D;
      const logits = linear(x, weightNorm(v, g)) as Tensor2D;
      expect(largest(updateCenterFrom(center, x, scaledPrototypes({ v, g }), 0.9), updateCenter(center, logits, 0.9))).toBeLessThan(1e-6);
    });
  });
});
