import { formatDuration } from "./format.ts";

export interface ProgressOptions {
  /** What is being done: "extracting". */
  readonly label: string;
  /** How many steps there are, when known. */
  readonly total?: number;
  /** Steps that were done before this work began, as in a resumed run. */
  readonly initial?: number;
  /** What a step is, for the speed: "images" gives "12.3 images/s". */
  readonly unit?: string;
  /** Where to write; stderr unless given, nowhere under a test runner. */
  readonly stream?: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
  /** Seconds between two lines when the stream is not a terminal. */
  readonly interval?: number;
  /** Seconds, for tests. */
  readonly clock?: () => number;
}

const silent = { write: () => true };
const defaultStream = () => (process.env.VITEST ? silent : process.stderr);

/**
 * Progress of long work on stderr: one bar that rewrites itself on a terminal, a plain line now and then in a
 * log file. Say `update(done)` as often as you like, `note(text)` for a line that stays, `finish()` at the end.
 */
export class Progress {
  private readonly stream: NonNullable<ProgressOptions["stream"]>;
  private readonly clock: () => number;
  private readonly startedAt: number;
  private lastWriteAt: number;
  private done: number;
  private detail = "";
  private barIsShown = false;

  constructor(private readonly options: ProgressOptions) {
    this.stream = options.stream ?? defaultStream();
    this.clock = options.clock ?? (() => performance.now() / 1000);
    this.startedAt = this.clock();
    this.done = options.initial ?? 0;
    this.lastWriteAt = this.startedAt;
  }

  /** `done` steps are finished; `detail` is shown behind the numbers. */
  update(done: number, detail = ""): void {
    this.done = done;
    this.detail = detail;
    const now = this.clock();
    const interval = this.stream.isTTY ? 0.1 : (this.options.interval ?? 10);
    if (now - this.lastWriteAt < interval) return;
    this.lastWriteAt = now;
    this.draw();
  }

  /** A line that stays, above the bar. */
  note(text: string): void {
    this.clear();
    this.stream.write(`${text}\n`);
    if (this.stream.isTTY && this.done > 0) this.draw();
  }

  /** The bar goes, and one line says what was done and how long it took. */
  finish(): void {
    this.clear();
    const { label, unit = "steps" } = this.options;
    const seconds = this.clock() - this.startedAt;
    this.stream.write(`${label}: ${this.done} ${unit} in ${formatDuration(seconds)}${this.detail && `, ${this.detail}`}\n`);
  }

  /** Takes the bar away without a word, as before an error message. */
  clear(): void {
    if (this.barIsShown) this.stream.write("\r\u001b[K");
    this.barIsShown = false;
  }

  private draw(): void {
    if (!this.stream.isTTY) {
      this.stream.write(`${this.options.label}: ${this.summary()}\n`);
      return;
    }
    const columns = this.stream.columns ?? 80;
    const text = `${this.options.label} ${this.bar()}${this.summary()}`;
    this.stream.write(`\r${text.slice(0, columns - 1)}\u001b[K`);
    this.barIsShown = true;
  }

  private bar(): string {
    const { total } = this.options;
    if (!total) return "";
    const width = (this.stream.columns ?? 80) >= 70 ? 20 : 10;
    const filled = Math.round((width * Math.min(this.done, total)) / total);
    return `[${"#".repeat(filled)}${".".repeat(width - filled)}] `;
  }

  private summary(): string {
    const { total, unit = "steps", initial = 0 } = this.options;
    const rate = (this.done - initial) / Math.max(this.clock() - this.startedAt, 1e-9);
    const parts = [total ? `${this.done}/${total}` : `${this.done} ${unit}`];
    if (rate > 0) parts.push(formatRate(rate, unit));
    if (rate > 0 && total) parts.push(`${formatDuration((total - this.done) / rate)} left`);
    if (this.detail) parts.push(this.detail);
    return parts.join(", ");
  }
}

/** "12.3 images/s", and for slow steps "4.2 s/image". */
function formatRate(rate: number, unit: string): string {
  return rate >= 1 ? `${rate.toFixed(1)} ${unit}/s` : `${(1 / rate).toFixed(1)} s/${unit.replace(/s$/, "")}`;
}
