// What the collapse measures mean, in words, when they are bad. Targets collapse in two ways (arXiv 2104.14294, section 5.3): without
// enough centring all images get one prototype, without enough sharpening all prototypes are equally likely.

import type { CollapseMeasures } from "./collapse-monitor.ts";

export interface MonitoredRun {
  /** K of the DINO head, and the width of the backbone. */
  readonly prototypes: number;
  readonly width: number;
  /** Crops that were measured. */
  readonly crops: number;
  /** A network that has learned nothing yet tells nothing apart either: most of the warnings wait until it had time to. */
  readonly isUnderWay: boolean;
}

export interface CollapseWarning {
  readonly name: "few-prototypes" | "same-targets" | "same-features" | "low-rank" | "near-duplicates";
  readonly message: string;
}

const remedy = "Start again with a lower optimizer.learningRate, a longer schedule.warmupSteps or a larger data.batchSize.";

/** Thresholds are far from what runs that learn show: see `docs/decisions/0014-watching-a-run.md`. */
export function collapseWarnings(measures: CollapseMeasures, run: MonitoredRun): CollapseWarning[] {
  const { prototypes_used, target_entropy, feature_std, feature_rank, neighbour_distance } = measures;
  const warnings: CollapseWarning[] = [];
  const warn = (name: CollapseWarning["name"], found: string, whatToDo: string) =>
    warnings.push({ name, message: `${found} ${whatToDo}` });

  const { prototypes, crops, width, isUnderWay } = run;
  const fewest = isUnderWay ? Math.max(1.5, 0.02 * Math.min(prototypes, crops)) : 1.1;
  // exp of the information that a target has about its image.
  const toldApart = prototypes_used / Math.exp(target_entropy);
  if (prototypes_used < fewest) {
    warn(
      "few-prototypes",
      `Targets use ${prototypes_used.toFixed(1)} of ${prototypes} prototypes on ${crops} crops: to the teacher images look alike (collapse).`,
      "Start again with teacher.targets=sinkhorn-knopp, a higher teacher.startTemperature or a lower optimizer.learningRate.",
    );
  } else if (isUnderWay && toldApart < 1.1) {
    warn(
      "same-targets",
      `All images get the same target, of entropy ${target_entropy.toFixed(2)} (${Math.log(prototypes).toFixed(2)} is uniform): there is nothing to learn from it.`,
      "Start again with a lower teacher.startTemperature and teacher.temperature, or a lower optimizer.learningRate.",
    );
  }
  if (!isUnderWay) return warnings;
  if (feature_std < 0.05) {
    warn("same-features", `Features hardly differ between images: standard deviation ${feature_std.toFixed(3)}, where 1 is well spread.`, remedy);
  }
  if (feature_rank < Math.max(1.5, 0.02 * Math.min(width, crops))) {
    warn("low-rank", `Features lie in ${feature_rank.toFixed(1)} directions of ${width} (dimensional collapse).`, remedy);
  }
  if (neighbour_distance !== undefined && neighbour_distance < 0.01) {
    warn(
      "near-duplicates",
      `Images are ${neighbour_distance.toFixed(4)} from their nearest neighbour in a batch, where 2 is most: nearly equal features.`,
      "If the images are not copies of each other, raise loss.koleoWeight.",
    );
  }
  return warnings;
}
