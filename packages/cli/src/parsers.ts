// Argument parsers for commander's options. Each refuses with words that say what was expected;
// commander puts the option and the value that came in front of them.

import { InvalidArgumentError } from "commander";

/** A finite number. `Number` alone would take "" for 0, and "0x10" for 16. */
export function parseNumber(text: string): number {
  const value = Number(text);
  if (!/^[-+]?(\d|\.\d)/.test(text) || /^[-+]?0[xob]/i.test(text) || !Number.isFinite(value)) {
    throw new InvalidArgumentError("Expected a number, such as 0.5 or 1e-4.");
  }
  return value;
}

/** A number above 0: a rate, a duration. */
export function parsePositiveNumber(text: string): number {
  const value = parseNumber(text);
  if (!(value > 0)) throw new InvalidArgumentError("Expected a number above 0, such as 0.5 or 100.");
  return value;
}

/** Numbers above 0, separated by commas: "0.01,1e-3". */
export function parsePositiveNumbers(text: string): number[] {
  return text.split(",").map((part) => parsePositiveNumber(part.trim()));
}

function parseInteger(text: string, minimum: number): number {
  const value = /^\+?\d+$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(value) || value < minimum) {
    throw new InvalidArgumentError(`Expected a whole number of at least ${minimum}.`);
  }
  return value;
}

/** A whole number of at least 0: a seed, a count of workers. */
export const parseNaturalNumber = (text: string): number => parseInteger(text, 0);

/** A whole number of at least 1: a batch size, a number of threads. */
export const parsePositiveInteger = (text: string): number => parseInteger(text, 1);

/** Whole numbers of at least 1, separated by commas: "10,20,100". */
export function parsePositiveIntegers(text: string): number[] {
  return text.split(",").map((part) => parseInteger(part.trim(), 1));
}

/** A number strictly between 0 and 1: a share of a set. */
export function parseFraction(text: string): number {
  const value = parseNumber(text);
  if (!(value > 0 && value < 1)) throw new InvalidArgumentError("Expected a number between 0 and 1, such as 0.2.");
  return value;
}

/** The lowest and the highest of some shares, above 0 and at most 1: "0.08,1". */
export function parseShareRange(text: string): [lowest: number, highest: number] {
  const [lowest = NaN, highest = NaN, ...more] = text.split(",").map((part) => parseNumber(part.trim()));
  if (more.length > 0 || !(lowest > 0 && lowest <= highest && highest <= 1)) {
    throw new InvalidArgumentError("Expected two numbers above 0 and at most 1, the smaller first, such as 0.08,1.");
  }
  return [lowest, highest];
}

/** Height and width in pixels: "416x544". */
export function parseHeightAndWidth(text: string): [height: number, width: number] {
  const match = /^(\d+)x(\d+)$/.exec(text);
  if (!match) throw new InvalidArgumentError("Expected height and width in pixels, such as 416x544.");
  return [parseInteger(match[1]!, 1), parseInteger(match[2]!, 1)];
}
