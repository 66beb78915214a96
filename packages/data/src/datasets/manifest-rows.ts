import { resolve } from "node:path";
import { InputError } from "@dinov2/foundation";
import { ClassLabels } from "./class-labels.ts";
import type { ImageDataset } from "./dataset.ts";
import { PathList } from "./path-list.ts";
import { WordColumn } from "./word-column.ts";

/** Columns that are kept besides path and label: for telling train from test, and what must stay on one side. */
const keptColumns = ["split", "group"];

/** The rows of a manifest, of whatever format: paths in their order, labels, and what else is known about each. */
export class ManifestRows {
  private readonly paths = new PathList();
  private readonly labels = new ClassLabels();
  private readonly columns = new Map(keptColumns.map((name) => [name, new WordColumn()]));
  /** Folders that paths are relative to, each with the number of its first row. */
  private readonly folders: { readonly first: number; readonly folder: string }[] = [];

  get length(): number {
    return this.paths.length;
  }

  /** Adds a row of `file`: its `path` (relative to `folder`), `label`, `split` and `group`, where it has them. */
  add(row: Readonly<Record<string, string>>, file: string, folder = ""): void {
    const { path = "", label = "" } = row;
    if (path === "") throw new InputError(`Manifest ${file}, image ${this.length + 1}: the path is empty.`);
    if (this.folders.at(-1)?.folder !== folder) this.folders.push({ first: this.length, folder });
    this.paths.add(path, this.labels.number(label));
    for (const [name, column] of this.columns) if (name in row) column.add(row[name]!);
  }

  /** All rows. Labels are numbered by their sorted names; `labelNames` says what numbers in their place mean. */
  dataset(labelNames?: readonly string[]): ImageDataset {
    const { paths, columns } = this;
    const { classNames } = this.labels.settle(paths);
    return {
      length: paths.length,
      ...(classNames && { classNames: classNames.map((name) => labelNames?.[Number(name)] ?? name) }),
      name: (index) => paths.path(index),
      label: (index) => paths.label(index),
      source: (index) => resolve(this.folders.findLast(({ first }) => first <= index)!.folder, paths.path(index)),
      column: (name) => (columns.get(name)?.length === paths.length ? columns.get(name)?.all() : undefined),
    };
  }
}
