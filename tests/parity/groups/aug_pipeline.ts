// Whole crops with every random choice given, and the evaluation view, against torchvision on Pillow images.

import {
  CropRenderer,
  evalTransform,
  evalTransformOptions,
  imagenetNormalization,
  imagenetStandardDeviation,
  type CropPlan,
  type JitterOperation,
} from "@dinov2/data";
import { compareFact, compareLevels, type Check, type Comparison, type GoldenCase } from "../harness.ts";
import { toImage } from "./aug_ops.ts";

/** The fixed choices of one crop as the manifest writes them; `crop` is [top, left, height, width, output size]. */
interface Variant {
  readonly crop: readonly [number, number, number, number, number];
  readonly flip?: boolean;
  readonly gray?: boolean;
  readonly solarize?: boolean;
  readonly blur?: number;
  readonly jitter_order?: readonly JitterOperation[];
  readonly brightness?: number;
  readonly contrast?: number;
  readonly saturation?: number;
  readonly hue?: number;
}

function toPlan(variant: Variant): CropPlan {
  const [top, left, height, width, size] = variant.crop;
  const { jitter_order: order, brightness = 1, contrast = 1, saturation = 1, hue = 0 } = variant;
  return {
    rectangle: { top, left, height, width },
    outputWidth: size,
    outputHeight: size,
    flip: variant.flip ?? false,
    jitter: order === undefined ? null : { order, brightness, contrast, saturation, hue },
    gray: variant.gray ?? false,
    blurSigma: variant.blur ?? null,
    solarizeThreshold: variant.solarize ? 128 : null,
  };
}

/** Normalised planes differ by (8-bit levels) / (255 std). */
function compareCrop(golden: GoldenCase, name: string, got: Float32Array): Comparison {
  const tolerance = golden.tolerance(name);
  if (typeof tolerance !== "object" || !("levels_max" in tolerance)) throw new Error(`${name} has no tolerance in levels.`);
  const plane = got.length / 3;
  const levels = (index: number) => 255 * imagenetStandardDeviation[Math.floor(index / plane)]!;
  return compareLevels(name, got, golden.tensor(name).data, tolerance, levels);
}

/** "make_classification_eval_transform(resize_size=33, crop_size=28)" */
function evalSizes(description: string): { resizeSize: number; cropSize: number } {
  const sizes = /resize_size=(\d+), crop_size=(\d+)/.exec(description);
  if (sizes === null) throw new Error(`No sizes in "${description}".`);
  return { resizeSize: Number(sizes[1]), cropSize: Number(sizes[2]) };
}

export const check: Check = async (golden) => {
  const renderer = new CropRenderer();
  const variants = golden.attribute<Record<string, Variant>>("variants");
  const comparisons = Object.entries(variants).map(([name, variant]) => {
    renderer.load(toImage(golden.tensor("in.image")));
    const output = new Float32Array(3 * variant.crop[4] ** 2);
    renderer.render(toPlan(variant), imagenetNormalization, output);
    return compareCrop(golden, `out.${name}`, output);
  });
  for (const name of golden.names("out.eval.")) {
    const options = evalTransformOptions(evalSizes(golden.description(name)));
    const image = toImage(golden.tensor(name.replace("out.", "in.")));
    comparisons.push(compareCrop(golden, name, evalTransform(image, options)));
  }
  const covered = new Set(comparisons.map((comparison) => comparison.name));
  const missed = golden.names("out.").filter((name) => !covered.has(name));
  return [...comparisons, compareFact("every output is computed", missed.length === 0, missed.join(", "))];
};
