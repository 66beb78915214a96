// What keeps an eye on a run that nobody watches: steps that are not finite, steps unlike those before them, first losses that
// cannot be right, features and targets that collapse. It says so as events, and stops a run that is beyond repair. What it measures
// are the other files of this folder.

import type { TrainingBatch } from "../batch.ts";
import { startDeviations } from "../expected-start.ts";
import { isFiniteStep, type StepMeasures } from "../pretrain-step.ts";
import type { Recipe } from "../recipe.ts";
import type { TrainingState } from "../training-state.ts";
import { collapseMeasures, type CollapseMeasures } from "./collapse-monitor.ts";
import { collapseWarnings } from "./collapse-warnings.ts";
import { describeNonFinite, NonFiniteStepsError } from "./non-finite.ts";
import { type Spike, SpikeDetector } from "./spikes.ts";
import type { WatchState } from "./watch-state.ts";

/** A line of RUN/events.jsonl. */
export interface WatchEvent {
  readonly step: number;
  readonly kind: "non-finite" | "spike" | "start" | "collapse" | "evaluation";
  readonly message: string;
  /** The images of the step's batch, where they may be the reason. */
  readonly files?: readonly string[];
}

export interface WatchOptions {
  readonly recipe: Recipe;
  /** Whether the heads began at random: only then is it known what losses start at. */
  readonly headsAreRandom: boolean;
  /** Of the checkpoint that the run goes on from. */
  readonly saved?: WatchState | undefined;
  readonly onEvent: (event: WatchEvent) => Promise<void>;
}

export class RunWatch {
  private readonly spikes: SpikeDetector;
  private nonFiniteInARow: number;
  private skippedSteps: number;
  /** Warnings said: each once until it no longer holds. */
  private said = new Set<string>();

  constructor(private readonly options: WatchOptions) {
    const { recipe, saved } = options;
    const { spikeWindow: window, spikeThreshold: threshold } = recipe.watch;
    this.spikes = new SpikeDetector({ window, threshold }, structuredClone(saved?.recent));
    this.nonFiniteInARow = saved?.nonFiniteInARow ?? 0;
    this.skippedSteps = saved?.skippedSteps ?? 0;
  }

  get state(): WatchState {
    const { nonFiniteInARow, skippedSteps } = this;
    return { nonFiniteInARow, skippedSteps, recent: this.spikes.windows };
  }

  /** Whether the last step had finite numbers: a checkpoint of other ones may hold weights that are spoilt. */
  get isFinite(): boolean {
    return this.nonFiniteInARow === 0;
  }

  /** Whether a step with these numbers, all finite, counts. */
  readonly mayUpdate = (measures: StepMeasures): boolean =>
    !(this.options.recipe.watch.skipSpikes && this.spikes.find(measures).length > 0);

  /**
   * Looks at a step that was made.
   * @param files its batch's images
   * @returns what to log beside its measures
   * @throws NonFiniteStepsError after too many in a row that were not finite
   */
  async afterStep(step: number, measures: StepMeasures, files: readonly string[]): Promise<{ skipped_steps: number }> {
    if (isFiniteStep(measures)) {
      this.nonFiniteInARow = 0;
      await this.checkStart(step, measures);
      await this.checkSpikes(step, measures, files);
    } else await this.countNonFinite(step, measures, files);
    return { skipped_steps: this.skippedSteps };
  }

  /** Measures, every so many steps, whether features and targets collapse. */
  async monitor(
    step: number,
    state: TrainingState,
    parts: readonly TrainingBatch[],
    temperature: number,
  ): Promise<CollapseMeasures | null> {
    const { watch, heads, schedule } = this.options.recipe;
    if (watch.monitorEverySteps === 0 || step % watch.monitorEverySteps !== 0) return null;
    const measures = await collapseMeasures(state, parts, temperature);
    if (!measures) return null;
    const warnings = collapseWarnings(measures, {
      prototypes: heads.dino.prototypes,
      width: state.teacher.backbone.config.embedDim,
      crops: parts.reduce((sum, { globalCrops }) => sum + globalCrops.shape[0], 0),
      isUnderWay: step > schedule.warmupSteps + schedule.steps / 10,
    });
    for (const { name, message } of warnings) if (!this.said.has(name)) await this.say(step, "collapse", message);
    this.said = new Set(warnings.map(({ name }) => name));
    return measures;
  }

  async say(step: number, kind: WatchEvent["kind"], message: string, files?: readonly string[]): Promise<void> {
    await this.options.onEvent({ step, kind, message: `Step ${step}: ${message}`, ...(files && { files }) });
  }

  private async countNonFinite(step: number, measures: StepMeasures, files: readonly string[]): Promise<void> {
    this.nonFiniteInARow += 1;
    this.skippedSteps += 1;
    const most = this.options.recipe.watch.maxNonFiniteSteps;
    const found = describeNonFinite(measures);
    const count = `${this.nonFiniteInARow} in a row, the run stops at ${most}`;
    await this.say(step, "non-finite", `skipped, ${found} (${count}). Its images are in events.jsonl.`, files);
    if (this.nonFiniteInARow >= most) throw new NonFiniteStepsError(step, this.nonFiniteInARow, found, files);
  }

  private async checkStart(step: number, measures: StepMeasures): Promise<void> {
    if (step !== 1 || !this.options.headsAreRandom) return;
    const deviations = startDeviations(this.options.recipe, measures);
    if (deviations.length === 0) return;
    await this.say(step, "start", `${deviations.join(", ")}: not what untrained heads give. Check temperatures, loss weights and masks.`);
  }

  private async checkSpikes(step: number, measures: StepMeasures, files: readonly string[]): Promise<void> {
    const found = this.spikes.find(measures);
    this.spikes.remember(measures);
    if (found.length === 0) return;
    const isSkipped = this.options.recipe.watch.skipSpikes;
    if (isSkipped) this.skippedSteps += 1;
    const words = found.map(describeSpike).join(", ");
    await this.say(step, "spike", `${isSkipped ? "skipped, " : ""}${words}. Its images are in events.jsonl.`, files);
  }
}

const describeSpike = ({ measure, value, median }: Spike) => `${measure} ${value.toPrecision(3)} after about ${median.toPrecision(3)}`;
