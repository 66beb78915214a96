import type { ChannelStack } from "../images.ts";

/** Small pictures lie in pieces of this size: as an allocation of its own each would take several times its bytes. */
const pieceBytes = 4 << 20;

/**
 * Decoded pictures, up to a number of bytes, in memory that threads share without copying. It fills up and then stays as it
 * is: every pass visits every image once, so throwing old ones out for new ones would only make sure that none is there when
 * its turn comes.
 */
export class DecodedCache {
  private readonly images = new Map<number, ChannelStack>();
  private bytes = 0;
  /** What is left of the last piece. */
  private rest: Uint8Array = new Uint8Array(0);

  constructor(private readonly byteLimit: number) {}

  get(index: number): ChannelStack | undefined {
    return this.images.get(index);
  }

  /** Whether one more of the usual size fits. */
  get hasRoom(): boolean {
    const usual = this.bytes / Math.max(1, this.images.size);
    return this.bytes + usual < this.byteLimit;
  }

  /** Keeps a copy. */
  add(index: number, image: ChannelStack): void {
    const bytes = image.reduce((sum, { data }) => sum + data.length, 0);
    if (this.images.has(index) || this.bytes + bytes > this.byteLimit) return;
    this.images.set(
      index,
      image.map(({ width, height, data }) => ({ width, height, data: this.copyOf(data) })),
    );
    this.bytes += bytes;
  }

  private copyOf(data: Uint8Array): Uint8Array {
    const copy = data.length > pieceBytes / 8 ? shared(data.length) : this.take(data.length);
    copy.set(data);
    return copy;
  }

  private take(length: number): Uint8Array {
    if (length > this.rest.length) this.rest = shared(pieceBytes);
    const taken = this.rest.subarray(0, length);
    this.rest = this.rest.subarray(length);
    return taken;
  }
}

const shared = (length: number) => new Uint8Array(new SharedArrayBuffer(length));
