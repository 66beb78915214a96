import { lastAtMost } from "../../last-at-most.ts";
import type { FilePart } from "../file-part.ts";
import { readBlocks, type ReadBlocks } from "../read-blocks.ts";
import type { Page } from "./page-index.ts";
import type { ParquetValue } from "./parquet-value.ts";

/** The pages of many files, by the number of the image in all of them. */
export class PageList {
  private readonly pages: Page[] = [];
  /** Number of images before each page. */
  private readonly starts: number[] = [];
  length = 0;

  add(page: Page): void {
    if (page.count === 0) return;
    this.pages.push(page);
    this.starts.push(this.length);
    this.length += page.count;
  }

  part(index: number): ParquetValue {
    const page = lastAtMost(this.starts, index);
    const { part, layout } = this.pages[page]!;
    return { ...part, page: layout, row: index - this.starts[page]! };
  }

  blocks(): ReadBlocks {
    return readBlocks({ length: this.length, part: (index): FilePart => this.part(index) });
  }
}
