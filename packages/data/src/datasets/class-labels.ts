import type { PathList } from "./path-list.ts";
import { WordNumbers } from "./word-column.ts";

/** Labels as they come from a manifest or a shard, and the classes they make once all of them are there. */
export class ClassLabels {
  private readonly words = new WordNumbers();

  /** The number to keep for a label until `settle`; none for an empty one. */
  number(label: string | null): number {
    return label === null || label === "" ? -1 : this.words.number(label);
  }

  /**
   * Renumbers the labels in `paths` by the sorted names of the classes: by number when every name is one (2 before 10), else
   * by code units. Answers the part of a dataset that says so: nothing when there are no labels.
   */
  settle(paths: PathList): { readonly classNames?: readonly string[] } {
    const classNames = sorted([...this.words.words]);
    const position = new Map(classNames.map((name, index) => [name, index]));
    paths.relabel(this.words.words.map((name) => position.get(name)!));
    return classNames.length === 0 ? {} : { classNames };
  }
}

function sorted(labels: string[]): string[] {
  const numeric = labels.every((label) => label !== "" && Number.isFinite(Number(label)));
  return numeric ? labels.sort((a, b) => Number(a) - Number(b)) : labels.sort();
}
