import { expect, it, vi } from "vitest";
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

it("ends the process on the second signal, with the code of an interrupted command", () => {
  const exit = vi.spyOn(process, "exit").mockImplementation((code) => {
    throw new Error(`exit ${code}`);
  });
  const stop = stopSignal(() => {});
  process.emit("SIGTERM");
  expect(exit).not.toHaveBeenCalled();
  expect(() => process.emit("SIGTERM")).toThrow("exit 130");
  stop.release();
  exit.mockRestore();
});
