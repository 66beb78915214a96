// Details of a benchmark as results.json has them: images and classes by name, pictures in files beside it.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { encodePng, thumbnail, type ImageDataset } from "@dinov2/data";
import type { ConfusionDetail, Detail, HeadDetail, NeighboursDetail, OpenedTask, PerClassDetail, PictureDetail } from "@dinov2/evaluation";
import { writeFileAtomic } from "@dinov2/foundation";
import { writeSafetensors } from "@dinov2/tensor";
import type { Confusion, Curve, NamedImage, PerClass, Picture, QueryNeighbours, ResultDetails } from "@dinov2/report";

/** More classes make a table that nobody reads, and a file of megabytes. */
const mostConfusionClasses = 200;
const thumbnailSide = 96;

/** What places of images and classes stand for. */
export type NamedSets = Partial<Pick<OpenedTask, "train" | "test" | "classNames">>;

/** Takes details as an evaluator finds them, and writes their pictures at once. */
export class DetailsWriter {
  private readonly confusion: Confusion[] = [];
  private readonly perClass: PerClass[] = [];
  private readonly curves: Curve[] = [];
  private readonly neighbours: QueryNeighbours[] = [];
  private readonly pictures: Picture[] = [];

  constructor(private readonly folder: string, private readonly sets: NamedSets = {}) {}

  async add(detail: Detail): Promise<void> {
    switch (detail.detail) {
      case "confusion": return this.addConfusion(detail);
      case "perClass": return this.addPerClass(detail);
      case "curve": return void this.curves.push({ title: detail.title, xName: detail.xName, points: detail.points });
      case "neighbours": return this.addNeighbours(detail);
      case "picture": return this.addPicture(detail);
      case "head": return this.writeHead(detail);
      default: detail satisfies never;
    }
  }

  /** For results.json; undefined when there is nothing. */
  finish(): ResultDetails | undefined {
    const { confusion, perClass, curves, neighbours, pictures } = this;
    const filled = Object.entries({ confusion, perClass, curves, neighbours, pictures }).filter(([, list]) => list.length > 0);
    return filled.length > 0 ? Object.fromEntries(filled) : undefined;
  }

  private addConfusion({ of, counts }: ConfusionDetail): void {
    const classes = Math.sqrt(counts.length);
    if (classes > mostConfusionClasses) return;
    const rows = Array.from({ length: classes }, (_, i) => [...counts.subarray(i * classes, (i + 1) * classes)]);
    this.confusion.push({ of, classNames: rows.map((_, i) => this.className(i)), counts: rows });
  }

  private addPerClass({ of, measure, values, classNames }: PerClassDetail): void {
    const shares = Array.from(values, (value) => (Number.isFinite(value) ? value : null));
    this.perClass.push({ of, measure, classNames: classNames ?? shares.map((_, i) => this.className(i)), values: shares });
  }

  private async addNeighbours({ of, queries }: NeighboursDetail): Promise<void> {
    const { train, test } = this.sets;
    if (!train || !test) return;
    for (const { test: index, neighbours } of queries) {
      const query = await this.namedImage("test", test, index);
      const found = [];
      for (const { train: place, similarity } of neighbours) {
        found.push({ ...(await this.namedImage("train", train, place)), similarity });
      }
      this.neighbours.push({ of, query, neighbours: found });
    }
  }

  private async namedImage(side: string, dataset: ImageDataset, index: number): Promise<NamedImage> {
    const bytes = await thumbnail(dataset.source(index), thumbnailSide);
    const file = await this.write("neighbours", `${side}-${index}.jpg`, bytes);
    return { index, name: dataset.name(index), className: this.className(dataset.label(index)!), file };
  }

  private async addPicture({ folder, name, caption, image }: PictureDetail): Promise<void> {
    const file = await this.write(folder, `${name.replace(/\.\w+$/, "").replaceAll(/[^\w.-]+/g, "_")}.png`, await encodePng(image));
    this.pictures.push({ file, folder, name, caption });
  }

  /** What `--head` reads. */
  private async writeHead({ weights }: HeadDetail): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    await writeSafetensors(join(this.folder, "head.safetensors"), weights);
  }

  private async write(folder: string, name: string, bytes: Uint8Array): Promise<string> {
    await mkdir(join(this.folder, folder), { recursive: true });
    await writeFileAtomic(join(this.folder, folder, name), bytes);
    return `${folder}/${name}`;
  }

  private className(index: number): string {
    return this.sets.classNames?.[index] ?? `class ${index}`;
  }
}
