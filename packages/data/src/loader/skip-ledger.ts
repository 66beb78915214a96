import { InputError } from "@dinov2/foundation";
import type { ImageDataset } from "../datasets/dataset.ts";
import type { SampleFailure } from "./sample-task.ts";

export interface SkipOptions {
  /** Share of the images asked for that may be unusable; above it loading stops. Default 0.1. */
  readonly maxSkippedShare?: number | undefined;
  /** Called once for each file that is left out. */
  readonly onSkip?: ((name: string, reason: string) => void) | undefined;
}

/** Fewer failures than this say nothing about a share. */
const leastFailures = 10;

/** Keeps count of images that cannot be used, and says when they are too many. */
export class SkipLedger {
  private readonly leftOut = new Set<number>();
  private readonly reasons = new Map<number, string>();
  private asked = 0;
  private failures = 0;

  constructor(
    private readonly dataset: ImageDataset,
    private readonly options: SkipOptions,
  ) {}

  /** Distinct files left out so far, be it once. */
  get skippedImages(): number {
    return this.leftOut.size;
  }

  /** Why this image cannot be used, if that is known: it is not tried again. One that could not be read is. */
  reasonOf(index: number): string | undefined {
    return this.reasons.get(index);
  }

  succeeded(): void {
    this.asked++;
  }

  /** Throws `InputError` when this failure is one too many. */
  failed(index: number, { failure: reason, mayPass = false }: SampleFailure): void {
    this.asked++;
    this.failures++;
    if (!mayPass) this.reasons.set(index, reason);
    if (!this.leftOut.has(index)) {
      this.leftOut.add(index);
      this.options.onSkip?.(this.dataset.name(index), reason);
    }
    const allowed = this.options.maxSkippedShare ?? 0.1;
    if (this.failures >= Math.min(leastFailures, this.dataset.length) && this.failures / this.asked > allowed) {
      throw new InputError(
        `${this.failures} of ${this.asked} images cannot be used, more than the allowed ${+(allowed * 100).toFixed(1)} %; ` +
          `for example ${this.dataset.name(index)}: ${reason}`,
      );
    }
  }
}
