// The check of a results.json against its schema (`results.ts`).

import { count, fileBeside, isObject, list, number, numberOrNull, object, record, text, truth, type Check } from "./json-fields.ts";
import { resultsSchema, type BenchmarkResults, type Confusion, type PerClass } from "./results.ts";

const image = { index: count, name: text, className: text, file: fileBeside };

const details: Check = object({
  "confusion?": list(object({ of: text, classNames: list(text), counts: list(list(count)) })),
  "perClass?": list(object({ of: text, measure: text, classNames: list(text), values: list(numberOrNull) })),
  "curves?": list(object({ title: text, xName: text, points: list(list(number, 2)) })),
  "neighbours?": list(object({ of: text, query: object(image), neighbours: list(object({ ...image, similarity: number })) })),
  "pictures?": list(object({ file: fileBeside, folder: text, name: text, caption: text })),
});

const fields: Check = object({
  benchmark: text,
  metrics: record(numberOrNull),
  notes: record(text),
  model: object({ source: text, untrained: truth, width: count }),
  data: object({
    source: text,
    origin: text,
    "classes?": count,
    trainImages: count,
    testImages: count,
    "tests?": list(object({ source: text, "name?": text, images: count })),
    fingerprint: text,
    skipped: list(object({ name: text, reason: text })),
  }),
  protocol: record(() => {}),
  seed: number,
  versions: record(text),
  seconds: number,
  finishedAt: text,
  "details?": details,
});

/** @throws RangeError that names the file and the field */
export function checkResults(json: unknown, file: string): BenchmarkResults {
  const schema = isObject(json) ? json.schema : undefined;
  if (schema !== undefined && schema !== resultsSchema) {
    throw new RangeError(`${file}: schema is ${JSON.stringify(schema)}; expected ${resultsSchema}, or measure again.`);
  }
  fields(json, `${file}:`);
  const results = json as Omit<BenchmarkResults, "schema">;
  for (const [i, one] of (results.details?.confusion ?? []).entries()) square(one, `${file}: details.confusion[${i}].counts`);
  for (const [i, one] of (results.details?.perClass ?? []).entries()) sameLength(one, `${file}: details.perClass[${i}].values`);
  // JSON has no NaN: a metric that is not a number is null there.
  const metrics = Object.fromEntries(Object.entries(results.metrics).map(([name, value]) => [name, value ?? NaN]));
  return { ...results, schema: resultsSchema, metrics };
}

function square({ classNames, counts }: Confusion, where: string): void {
  const lengths = [counts, ...counts].map(({ length }) => length);
  if (lengths.some((length) => length !== classNames.length)) {
    throw new RangeError(`${where} has not ${classNames.length} rows of ${classNames.length}, one for each of classNames.`);
  }
}

function sameLength({ classNames, values }: PerClass, where: string): void {
  if (values.length !== classNames.length) {
    throw new RangeError(`${where} are ${values.length}; expected ${classNames.length}, one for each of classNames.`);
  }
}
