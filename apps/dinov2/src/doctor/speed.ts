import { linear, tf } from "@dinov2/tensor";

export interface Speed {
  /** What was multiplied. */
  readonly operation: string;
  readonly gigaflopsPerSecond: number;
}

// The first layer of ViT-S's MLP on four images: the shape that training spends its time in.
const [rows, inputs, outputs] = [4 * 257, 384, 1536];
const flops = 2 * rows * inputs * outputs;

/** The speed of a linear layer on the current backend, measured for about a second after a warm-up. */
export async function measureSpeed(): Promise<Speed> {
  const x = tf.randomUniform([rows, inputs], -1, 1, "float32", 1) as tf.Tensor2D;
  const weight = tf.randomUniform([outputs, inputs], -1, 1, "float32", 2) as tf.Tensor2D;
  let best = 0;
  try {
    await secondsFor(1, x, weight);
    let repeats = 1;
    for (const end = performance.now() + 1000; performance.now() < end; ) {
      const seconds = await secondsFor(repeats, x, weight);
      best = Math.max(best, (repeats * flops) / seconds / 1e9);
      // Longer rounds hide what it costs to wait for a device.
      if (seconds < 0.1) repeats *= 2;
    }
  } finally {
    tf.dispose([x, weight]);
  }
  return { operation: `linear ${rows}x${inputs} to ${outputs}`, gigaflopsPerSecond: best };
}

async function secondsFor(repeats: number, x: tf.Tensor2D, weight: tf.Tensor2D): Promise<number> {
  const start = performance.now();
  let result = linear(x, weight);
  for (let i = 1; i < repeats; i++) {
    result.dispose();
    result = linear(x, weight);
  }
  // An engine may still be working; one number of the result shows that it is done.
  const corner = tf.tidy(() => tf.slice(result, [0, 0], [1, 1]));
  await corner.data();
  tf.dispose([result, corner]);
  return (performance.now() - start) / 1000;
}
