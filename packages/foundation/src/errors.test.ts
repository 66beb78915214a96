import { describe, expect, it } from "vitest";
import { InputError, nearestName } from "./errors.ts";

describe("nearestName", () => {
  it("finds the key that a typing mistake meant", () => {
    expect(nearestName("learningRte", ["learningRate", "weightDecay"])).toBe("learningRate");
  });
  it("suggests nothing when no name is near", () => {
    expect(nearestName("banana", ["learningRate", "weightDecay"])).toBeUndefined();
    expect(nearestName("banana", [])).toBeUndefined();
  });
});

describe("InputError", () => {
  it("is told apart from other errors by its name, also across copies of this package", () => {
    expect(new InputError("Folder /missing does not exist.").name).toBe("InputError");
  });
});
