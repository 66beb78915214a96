import { describe, expect, it } from "vitest";
import {
  parseFraction,
  parseNaturalNumber,
  parseNumber,
  parsePositiveInteger,
  parseHeightAndWidth,
  parsePositiveIntegers,
  parsePositiveNumber,
  parseShareRange,
} from "./parsers.ts";

describe("argument parsers", () => {
  it.each([
    ["0.5", 0.5],
    ["1e-4", 1e-4],
    ["-.25", -0.25],
  ])("reads %s as a number", (text, value) => {
    expect(parseNumber(text)).toBe(value);
  });

  it.each(["", " ", "1e999", "0x10", "NaN", "12px"])("refuses %j as a number", (text) => {
    expect(() => parseNumber(text)).toThrow("Expected a number");
  });

  it.each(["0", "-1", "1.5", "1e3", ""])("refuses %j where a whole number of at least 1 is wanted", (text) => {
    expect(() => parsePositiveInteger(text)).toThrow("whole number of at least 1");
  });

  it("reads a rate, and refuses one of 0 or below", () => {
    expect(parsePositiveNumber("0.25")).toBe(0.25);
    for (const text of ["0", "-1"]) expect(() => parsePositiveNumber(text)).toThrow("a number above 0");
  });

  it("takes 0 as a natural number", () => {
    expect(parseNaturalNumber("0")).toBe(0);
  });

  it("reads a list with spaces behind its commas", () => {
    expect(parsePositiveIntegers("10, 20,100")).toEqual([10, 20, 100]);
    expect(() => parsePositiveIntegers("10,,20")).toThrow("whole number");
  });

  it.each(["0", "1", "20"])("refuses %s as a share of a set", (text) => {
    expect(() => parseFraction(text)).toThrow("between 0 and 1");
  });

  it("reads a range of shares", () => {
    expect(parseShareRange("0.6, 1")).toEqual([0.6, 1]);
    for (const text of ["0.6", "0,1", "1,0.6", "0.5,1.1", "0.1,0.5,1"]) expect(() => parseShareRange(text)).toThrow("the smaller first");
    expect(() => parseShareRange("0.6,")).toThrow("Expected a number");
  });

  it("reads heights and widths", () => {
    expect(parseHeightAndWidth("416x544")).toEqual([416, 544]);
    for (const text of ["416", "416x", "0x544", "4.5x6"]) expect(() => parseHeightAndWidth(text)).toThrow(/Expected/);
  });
});
