const radius = 4;

/** Width of the blur of the reference in pixels, whatever its sigma. */
export const blurTaps = 2 * radius + 1;

/** Nine Gaussian weights exp(-x² / (2 sigma²)) for x = -4..4, with sum 1, in float32 steps as torchvision makes them. */
export function gaussianKernel(sigma: number): Float32Array {
  const values = Float32Array.from({ length: blurTaps }, (_, i) => Math.exp(-0.5 * ((i - radius) / sigma) ** 2));
  const sum = values.reduce((total, value) => total + value, 0);
  return values.map((value) => value / sum);
}
