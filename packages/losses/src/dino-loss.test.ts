import { RandomStream, tf, useBackend, type Tensor2D } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import { dinoDefinition, finiteDifferences, largestDifference, randomRows, softmax } from "./definitions.ts";
import { dinoLoss } from "./dino-loss.ts";

describe.each(["cpu", "wasm"] as const)("DINO loss on %s", (backend) => {
  beforeAll(() => useBackend({ name: backend }));

  const images = 3;
  const prototypes = 7;
  const random = RandomStream.fromSeed(1);
  const students = [0, 1, 2, 3].map(() => randomRows(random, images, prototypes, 0.5));
  const teachers = [0, 1].map(() => randomRows(random, images, prototypes, 2).map(softmax));
  const asTensors = (chunks: number[][][]) => chunks.map((chunk) => tf.tensor2d(chunk));

  it("is the sum over all student-teacher pairs of the mean cross-entropy (definition in float64)", () => {
    const loss = dinoLoss(asTensors(students), asTensors(teachers), 0.1).dataSync()[0]!;
    const expected = dinoDefinition(students, teachers, 0.1);
    expect(Math.abs(loss / expected - 1)).toBeLessThan(1e-6);
  });

  it("starts at ln K per pair when the student is undecided: 16 of 18 pairs give 16/18 ln K", () => {
    const undecided = Array.from({ length: 8 }, () => tf.zeros<tf.Rank.R2>([images, prototypes]));
    const loss = dinoLoss(undecided, asTensors(teachers), 0.1).dataSync()[0]! / 18;
    expect(loss).toBeCloseTo((16 / 18) * Math.log(prototypes), 5);
  });

  it("of stacked crops against the swapped teacher is the mean of the two cross-view pairs", () => {
    const [studentA, studentB] = asTensors(students) as [Tensor2D, Tensor2D];
    const [teacherA, teacherB] = asTensors(teachers) as [Tensor2D, Tensor2D];
    const stacked = dinoLoss([tf.concat([studentA, studentB])], [tf.concat([teacherB, teacherA])], 0.1);
    const pairs =
      dinoDefinition([students[0]!], [teachers[1]!], 0.1) + dinoDefinition([students[1]!], [teachers[0]!], 0.1);
    expect(2 * stacked.dataSync()[0]!).toBeCloseTo(pairs, 4);
  });

  it("has the gradient of finite differences on the float64 definition", () => {
    const gradients = tf.grads((...s: tf.Tensor[]) => dinoLoss(s as Tensor2D[], asTensors(teachers), 0.1))(
      asTensors(students),
    );
    for (const [chunk, gradient] of gradients.entries()) {
      const lossOfChunk = (moved: (typeof students)[number]) =>
        dinoDefinition(
          students.map((student, i) => (i === chunk ? moved : student)),
          teachers,
          0.1,
        );
      const expected = finiteDifferences((moved) => lossOfChunk(moved as number[][]), students[chunk]!);
      expect(largestDifference(gradient.dataSync(), expected)).toBeLessThan(1e-5);
    }
  });

  it("is 0 without local crops", () => {
    expect(dinoLoss([], asTensors(teachers), 0.1).dataSync()[0]).toBe(0);
  });

  it("leaves no tensor behind but its value", () => {
    const [s, t] = [asTensors(students), asTensors(teachers)];
    const before = tf.memory().numTensors;
    dinoLoss(s, t, 0.1).dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
