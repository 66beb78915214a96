import type { CropPlan, JitterPlan } from "./crop-plan.ts";
import { ofThird, type Normalization } from "./normalization.ts";
import { PlaneCanvas } from "./plane-canvas.ts";
import type { ChannelStack, RgbImage } from "../images.ts";

let sharedRenderer: CropRenderer | undefined;

/**
 * Carries crop plans out on pixels: crop and flip, jitter, grey, blur, solarise, normalise, in this order. What is done to
 * colours (jitter, grey, solarise) has no meaning for the bands of other sensors: of more than three channels, and of two, only
 * place and sharpness change. Grey pictures (one channel) go through all of it.
 */
export class CropRenderer {
  /** One for each three channels. */
  private readonly canvases: PlaneCanvas[] = [];
  private loaded = 0;

  /** The one renderer of this thread: its memory is used again for every picture. */
  static shared(): CropRenderer {
    return (sharedRenderer ??= new CropRenderer());
  }

  load(image: RgbImage | ChannelStack): void {
    const pictures = "data" in image ? [image] : image;
    pictures.forEach((picture, i) => (this.canvases[i] ??= new PlaneCanvas()).load(picture));
    this.loaded = pictures.length;
  }

  /** Renders a crop of the loaded picture into `output`: [channels, outputHeight, outputWidth], normalised. */
  render(plan: CropPlan, normalization: Normalization, output: Float32Array): void {
    const channels = normalization.mean.length;
    const plane = plan.outputWidth * plan.outputHeight;
    const hasColours = channels === 1 || channels === 3;
    for (let third = 0; third < this.loaded; third++) {
      const canvas = this.canvases[third]!;
      canvas.resize(plan.rectangle, { width: plan.outputWidth, height: plan.outputHeight, flip: plan.flip });
      if (hasColours && plan.jitter !== null) jitter(canvas, plan.jitter);
      if (hasColours && plan.gray) canvas.grayscale();
      if (plan.blurSigma !== null) canvas.blur(plan.blurSigma);
      if (hasColours && plan.solarizeThreshold !== null) canvas.solarize(plan.solarizeThreshold);
      canvas.normalize(ofThird(normalization, third), output.subarray(3 * third * plane));
    }
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
