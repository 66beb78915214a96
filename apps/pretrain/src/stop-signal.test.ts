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

it("ends the process on a later signal, with the code of an interrupted command; one at once is the first, handed on", () => {
  const exit = vi.spyOn(process, "exit").mockImplementation((code) => {
    throw new Error(`exit ${code}`);
  });
  const clock = vi.spyOn(performance, "now").mockReturnValue(5000);
  let said = 0;
  const stop = stopSignal(() => said++);
  process.emit("SIGTERM");
  process.emit("SIGTERM");
  clock.mockReturnValue(5900);
  process.emit("SIGINT");
  expect(exit).not.toHaveBeenCalled();
  expect(said).toBe(1);
  clock.mockReturnValue(6100);
  expect(() => process.emit("SIGTERM")).toThrow("exit 130");
  stop.release();
  clock.mockRestore();
  exit.mockRestore();
});
