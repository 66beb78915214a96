import { Progress, type ProgressOptions } from "./progress.ts";

export interface SkippedImage {
  readonly name: string;
  readonly reason: string;
}

/**
 * Shows how work on many images goes, stage by stage, and keeps the list of files that were left out. They are named
 * once the first images of the stage are through: when none is, the error that follows says it all.
 */
export class ImageWatcher {
  readonly skippedImages: SkippedImage[] = [];
  private bar: { readonly stage: string; readonly progress: Progress } | undefined;
  private unsaid: SkippedImage[] = [];

  constructor(private readonly stream?: ProgressOptions["stream"]) {}

  /** `done` of `total` images of a stage, or of what `unit` says, are dealt with; 0 begins the stage. */
  readonly progress = (stage: string, done: number, total: number, unit = "images"): void => {
    if (this.bar?.stage !== stage) {
      this.bar?.progress.finish();
      const stream = this.stream && { stream: this.stream };
      this.bar = { stage, progress: new Progress({ label: stage, total, unit, ...stream }) };
    }
    if (done === 0) return;
    this.nameSkipped();
    this.bar.progress.update(done);
  };

  /** A file was left out. */
  readonly skipped = (name: string, reason: string): void => {
    this.skippedImages.push({ name, reason });
    this.unsaid.push({ name, reason });
  };

  /** All stages are through. */
  finish(): void {
    this.nameSkipped();
    this.bar?.progress.finish();
    this.bar = undefined;
  }

  /** Takes a bar away before an error message; without effect after `finish`. */
  clear(): void {
    this.bar?.progress.clear();
  }

  private nameSkipped(): void {
    for (const { name, reason } of this.unsaid.splice(0)) this.bar?.progress.note(`left out ${name}: ${reason}`);
  }
}
