import type { CropPlan, JitterPlan } from "./crop-plan.ts";
import type { Normalization } from "./normalization.ts";
import { PlaneCanvas } from "./plane-canvas.ts";
import type { RgbImage } from "../images.ts";

let sharedRenderer: CropRenderer | undefined;

/** Carries crop plans out on pixels: crop and flip, jitter, grey, blur, solarise, normalise, in this order. */
export class CropRenderer {
  private readonly canvas = new PlaneCanvas();

  /** The one renderer of this thread: its memory is used again for every picture. */
  static shared(): CropRenderer {
    return (sharedRenderer ??= new CropRenderer());
  }

  load(image: RgbImage): void {
    this.canvas.load(image);
  }

  /** Renders a crop of the loaded picture into `output`: 3 x outputHeight x outputWidth, normalised. */
  render(plan: CropPlan, normalization: Normalization, output: Float32Array): void {
    const { canvas } = this;
    canvas.resize(plan.rectangle, { width: plan.outputWidth, height: plan.outputHeight, flip: plan.flip });
    if (plan.jitter !== null) jitter(canvas, plan.jitter);
    if (plan.gray) canvas.grayscale();
    if (plan.blurSigma !== null) canvas.blur(plan.blurSigma);
    if (plan.solarizeThreshold !== null) canvas.solarize(plan.solarizeThreshold);
    canvas.normalize(normalization, output);
  }
}

function jitter(canvas: PlaneCanvas, plan: JitterPlan): void {
  for (const operation of plan.order) {
    switch (operation) {
      case "brightness":
        canvas.brightness(plan.brightness);
        break;
      case "contrast":
        canvas.contrast(plan.contrast);
        break;
      case "saturation":
        canvas.saturation(plan.saturation);
        break;
      case "hue":
        canvas.hue(plan.hue);
        break;
      default:
        operation satisfies never;
    }
  }
}
