// A recipe's mistakes in words: which key, what came, what was expected, what was likely meant.

import { nearestName } from "@dinov2/foundation";
import type { z } from "zod";

/** Nested plain data as dotted keys; a list is a value. `{ a: { b: [1, 2] } }` gives `a.b`. */
export function flatten(value: object, prefix = ""): Map<string, unknown> {
  const flat = new Map<string, unknown>();
  for (const [key, child] of Object.entries(value)) {
    if (child !== null && typeof child === "object" && !Array.isArray(child)) {
      for (const [name, leaf] of flatten(child as object, `${prefix}${key}.`)) flat.set(name, leaf);
    } else {
      flat.set(prefix + key, child);
    }
  }
  return flat;
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((node, key) => (node as Record<PropertyKey, unknown> | undefined)?.[key], root);
}

function show(value: unknown): string {
  if (value === undefined) return "nothing";
  // JSON writes numbers that are not finite as null.
  return typeof value === "number" ? String(value) : JSON.stringify(value);
}

/** "unknown key "model.dept", did you mean "model.depth"" */
export function unknownKey(key: string, knownKeys: readonly string[]): string {
  const last = (name: string) => name.slice(name.lastIndexOf(".") + 1);
  const sections = [...new Set(knownKeys.flatMap((name) => name.split(".").slice(0, -1)))];
  const nearest =
    nearestName(key, [...knownKeys, ...sections]) ??
    // The right word in the wrong section, or without one.
    knownKeys.find((name) => last(name) === nearestName(last(key), knownKeys.map(last)));
  return `unknown key "${key}"${nearest ? `, did you mean "${nearest}"?` : `; known: ${sections.join(", ")}`}`;
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return (
        { int: "a whole number", object: "a group of keys", tuple: "a list of two numbers" }[String(issue.expected)] ??
        `a ${issue.expected}`
      );
    case "too_small":
      if (issue.origin === "array") return `${issue.minimum} numbers`;
      return `${issue.inclusive ? "at least" : "more than"} ${issue.minimum}`;
    case "too_big":
      if (issue.origin === "array") return `${issue.maximum} numbers`;
      return `${issue.inclusive ? "at most" : "less than"} ${issue.maximum}`;
    case "invalid_value":
      return `one of ${issue.values.map((value) => String(value)).join(", ")}`;
    default:
      return issue.message;
  }
}

/** All of a parse's complaints about `input`, as one line. */
export function describeIssues(
  issues: readonly z.core.$ZodIssue[],
  input: unknown,
  knownKeys: readonly string[],
): string {
  const sentences = issues.flatMap((issue) => {
    const path = issue.path.map(String);
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => unknownKey([...path, key].join("."), knownKeys));
    }
    return `${path.join(".") || "the recipe"} is ${show(valueAt(input, issue.path))}, expected ${expectation(issue)}`;
  });
  return sentences.join("; ");
}
