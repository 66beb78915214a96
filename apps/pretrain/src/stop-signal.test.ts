import { expect, it } from "vitest";
import { stopSignal } from "./stop-signal.ts";

it("aborts once on the first signal, and listens no more after release", () => {
  const before = process.listenerCount("SIGTERM");
  let said = 0;
  const stop = stopSignal(() => said++);
  expect(stop.signal.aborted).toBe(false);
  process.emit("SIGTERM");
  expect(stop.signal.aborted).toBe(true);
  expect(said).toBe(1);
  stop.release();
  expect(process.listenerCount("SIGTERM")).toBe(before);
});
