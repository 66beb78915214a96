// The activations that TF.js fuses with products and convolutions, by their place: native/activation.h.
import type { Attribute } from "../call-frame.ts";

const activations = ["linear", "relu", "relu6", "prelu", "leakyrelu", "elu", "sigmoid"];

/** What the addon reads of an activation. */
export function activationAttributes({ activation = "linear", leakyreluAlpha = 0.2 }: { activation?: string; leakyreluAlpha?: number }): Attribute[] {
  const place = activations.indexOf(activation);
  if (place < 0) throw new RangeError(`Activation "${activation}" came; there are ${activations.join(", ")}.`);
  return [place, leakyreluAlpha];
}
