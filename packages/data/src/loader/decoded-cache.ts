import type { RgbImage } from "../images.ts";

/**
 * Decoded pictures, up to a number of bytes. It fills up and then stays as it is: every pass visits every image once, so
 * throwing old ones out for new ones would only make sure that none is there when its turn comes.
 */
export class DecodedCache {
  private readonly images = new Map<number, RgbImage>();
  private bytes = 0;

  constructor(private readonly byteLimit: number) {}

  get(index: number): RgbImage | undefined {
    return this.images.get(index);
  }

  /** Whether there is any room left. */
  get hasRoom(): boolean {
    return this.bytes < this.byteLimit;
  }

  add(index: number, image: RgbImage): void {
    if (this.images.has(index) || this.bytes + image.data.length > this.byteLimit) return;
    this.images.set(index, image);
    this.bytes += image.data.length;
  }
}
