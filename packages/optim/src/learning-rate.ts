import { InputError, nearestName } from "@dinov2/foundation";

/** How the base learning rate follows the batch size. */
export type LearningRateScaling = "sqrt_wrt_1024";

const rules: readonly LearningRateScaling[] = ["sqrt_wrt_1024"];

/**
 * The effective learning rate: base · √(globalBatch / 1024).
 *
 * @param rule "sqrt_wrt_1024", the only rule of the official code
 * @param base the recipe's rate, meant for 1024 images
 * @param globalBatch images per step, over all processes
 * @throws InputError for another rule
 * Source: `dinov2/utils/config.py`, `apply_scaling_rules_to_cfg`.
 */
export function scaleLearningRate(rule: string, base: number, globalBatch: number): number {
  switch (rule as LearningRateScaling) {
    case "sqrt_wrt_1024":
      return base * Math.sqrt(globalBatch / 1024);
    default: {
      const near = nearestName(rule, rules);
      const advice = near ? `did you mean "${near}"?` : `use ${rules.map((name) => `"${name}"`).join(" or ")}.`;
      throw new InputError(`Unknown learning-rate scaling rule "${rule}"; ${advice}`);
    }
  }
}
