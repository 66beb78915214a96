import { describe, expect, it } from "vitest";
import { readResults } from "./results.ts";
import { sampleResults } from "./testing.ts";

const refusal = (change: object) => () => readResults(JSON.stringify({ ...sampleResults(), ...change }), "runs/a/results.json");

describe("readResults", () => {
  it("takes what a benchmark writes, and a metric that is not a number", () => {
    expect(readResults(JSON.stringify(sampleResults()), "a.json")).toEqual(sampleResults());
    const metrics = { "k20.top1": NaN };
    expect(readResults(JSON.stringify({ ...sampleResults(), metrics }), "a.json").metrics).toEqual(metrics);
  });

  it("takes a file of before the schema had a number", () => {
    expect(readResults(JSON.stringify({ ...sampleResults(), schema: undefined }), "a.json").schema).toBe(1);
  });

  it.each([
    [{ schema: 7 }, "runs/a/results.json: schema is 7; expected 1"],
    [{ metrics: { "k20.top1": "0.9" } }, 'runs/a/results.json: metrics.k20.top1 is "0.9"; expected a number or null.'],
    [{ seconds: undefined }, "runs/a/results.json: seconds is nothing; expected a number."],
    [{ model: [] }, "runs/a/results.json: model is []; expected an object."],
    [{ details: { pictures: [{ file: "../../secret.png", folder: "a", name: "b", caption: "c" }] } }, "details.pictures[0].file is"],
    [{ details: { confusion: [{ of: "k1", classNames: ["a", "b"], counts: [[1, 2]] }] } }, "has not 2 rows of 2"],
    [{ details: { perClass: [{ of: "k1", measure: "IoU", classNames: ["a"], values: [] }] } }, "values are 0; expected 1"],
  ])("names the file and the field of %j", (change, message) => {
    expect(refusal(change)).toThrow(RangeError);
    expect(refusal(change)).toThrow(message);
  });

  it("says what is no JSON", () => {
    expect(() => readResults("<html>", "a.json")).toThrow("a.json is not JSON");
  });
});
