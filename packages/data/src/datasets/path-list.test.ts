import { expect, it } from "vitest";
import { PathList } from "./path-list.ts";

it("gives back every path and label, however many and in whatever script", () => {
  const list = new PathList();
  const path = (i: number) => `ordner ${i % 7}/写真-${i}-é.jpg`;
  for (let i = 0; i < 5000; i++) list.add(path(i), i % 3 === 0 ? -1 : i % 11);
  expect(list.length).toBe(5000);
  for (const i of [0, 1, 255, 256, 257, 4999]) {
    expect(list.path(i)).toBe(path(i));
    expect(list.label(i)).toBe(i % 3 === 0 ? undefined : i % 11);
  }
});

it("renames labels", () => {
  const list = new PathList();
  for (const label of [0, 1, -1, 2]) list.add("x.jpg", label);
  list.relabel([2, 0, 1]);
  expect([0, 1, 2, 3].map((i) => list.label(i))).toEqual([2, 0, undefined, 1]);
});

it("refuses numbers outside of it", () => {
  const list = new PathList();
  list.add("x.jpg");
  expect(() => list.path(1)).toThrow(RangeError);
  expect(() => list.path(-1)).toThrow(RangeError);
});
