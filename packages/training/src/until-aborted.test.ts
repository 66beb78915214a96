import { describe, expect, it } from "vitest";
import { untilAborted } from "./until-aborted.ts";

/** 1, 2, …, `last`, then nothing for ever. */
function countTo(last: number) {
  let [next, isReturned] = [1, false];
  const iterator: AsyncIterator<number> = {
    next: () => (next <= last ? Promise.resolve({ done: false, value: next++ }) : new Promise(() => {})),
    return: () => {
      isReturned = true;
      return Promise.resolve({ done: true, value: undefined });
    },
  };
  return { items: { [Symbol.asyncIterator]: () => iterator }, isReturned: () => isReturned };
}

async function take(items: AsyncIterable<number>, onItem: (item: number) => unknown = () => {}): Promise<number[]> {
  const taken: number[] = [];
  for await (const item of items) {
    taken.push(item);
    onItem(item);
  }
  return taken;
}

describe("untilAborted", () => {
  it("ends while an item is awaited that does not come", async () => {
    const { items, isReturned } = countTo(2);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    expect(await take(untilAborted(items, stop.signal))).toEqual([1, 2]);
    expect(isReturned()).toBe(true);
  });

  it("ends before the next item is asked for", async () => {
    const stop = new AbortController();
    expect(await take(untilAborted(countTo(5).items, stop.signal), (item) => item === 3 && stop.abort())).toEqual([1, 2, 3]);
    expect(await take(untilAborted(countTo(5).items, stop.signal))).toEqual([]);
  });

  it("gives all items, and an error, as they come", async () => {
    async function* failing() {
      yield 1;
      await Promise.resolve();
      throw new Error("unreadable");
    }
    await expect(take(untilAborted(failing(), undefined))).rejects.toThrow("unreadable");
    const three = async function* () {
      yield* await Promise.resolve([1, 2, 3]);
    };
    expect(await take(untilAborted(three(), new AbortController().signal))).toEqual([1, 2, 3]);
  });
});
