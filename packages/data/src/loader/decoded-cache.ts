import type { ChannelStack } from "../images.ts";

/**
 * Decoded pictures, up to a number of bytes. It fills up and then stays as it is: every pass visits every image once, so
 * throwing old ones out for new ones would only make sure that none is there when its turn comes.
 */
export class DecodedCache {
  private readonly images = new Map<number, ChannelStack>();
  private bytes = 0;

  constructor(private readonly byteLimit: number) {}

  get(index: number): ChannelStack | undefined {
    return this.images.get(index);
  }

  /** Whether there is any room left. */
  get hasRoom(): boolean {
    return this.bytes < this.byteLimit;
  }

  add(index: number, image: ChannelStack): void {
    const bytes = image.reduce((sum, { data }) => sum + data.length, 0);
    if (this.images.has(index) || this.bytes + bytes > this.byteLimit) return;
    this.images.set(index, image);
    this.bytes += bytes;
  }
}
