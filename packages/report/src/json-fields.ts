// Checking JSON that somebody else wrote, field by field. A check takes a value and the path of its field; what does not fit
// throws a RangeError that names file and field.

/** Where a value stands: "results.json: metrics.k20.top1". */
export type Check = (value: unknown, where: string) => void;

function refuse(value: unknown, where: string, expected: string): never {
  const came = value === undefined ? "nothing" : (JSON.stringify(value) ?? typeof value).slice(0, 60);
  throw new RangeError(`${where} is ${came}; expected ${expected}.`);
}

const check = (fits: (value: unknown) => boolean, expected: string): Check => (value, where) => {
  if (!fits(value)) refuse(value, where, expected);
};

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const text = check((value) => typeof value === "string", "a text");
export const truth = check((value) => typeof value === "boolean", "true or false");
export const number = check((value) => typeof value === "number", "a number");
export const numberOrNull = check((value) => value === null || typeof value === "number", "a number or null");
export const count = check((value) => Number.isInteger(value) && Number(value) >= 0, "a whole number, 0 or more");
/** A file beside the one that is read: relative, and not above it. */
export const fileBeside = check(
  (value) => typeof value === "string" && !/^[/\\]|^[a-z]:|(^|[/\\])\.\.([/\\]|$)/i.test(value),
  "a path relative to the file, inside its folder",
);

export const list = (item: Check, length?: number): Check => (value, where) => {
  if (!Array.isArray(value)) refuse(value, where, "a list");
  if (length !== undefined && value.length !== length) refuse(value, where, `a list of ${length}`);
  value.forEach((one, i) => item(one, `${where}[${i}]`));
};

export const record = (item: Check): Check => (value, where) => {
  if (!isObject(value)) refuse(value, where, "an object");
  for (const [name, one] of Object.entries(value)) item(one, `${where}.${name}`);
};

/** An object with these fields; those whose name ends with "?" may be missing, and others may be there. */
export const object = (fields: Readonly<Record<string, Check>>): Check => (value, where) => {
  if (!isObject(value)) refuse(value, where, "an object");
  for (const [key, item] of Object.entries(fields)) {
    const name = key.replace(/\?$/, "");
    if (name === key || value[name] !== undefined) item(value[name], where.endsWith(":") ? `${where} ${name}` : `${where}.${name}`);
  }
};
