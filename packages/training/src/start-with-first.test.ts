import { expect, it } from "vitest";
import { startWithFirst } from "./start-with-first.ts";

async function* numbers(seen: number[]) {
  for (let i = 0; i < 3; i++) {
    seen.push(i);
    yield i;
  }
}

it("has the first item before it is asked for, and no more", async () => {
  const seen: number[] = [];
  const items = await startWithFirst(numbers(seen));
  expect(seen).toEqual([0]);
  const got: number[] = [];
  for await (const item of items) got.push(item);
  expect(got).toEqual([0, 1, 2]);
});

it("fails at once when the first item does", async () => {
  const failing = {
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.reject<IteratorResult<number>>(new Error("no decodable image")),
    }),
  };
  await expect(startWithFirst(failing)).rejects.toThrow("no decodable image");
});
