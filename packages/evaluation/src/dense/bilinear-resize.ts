// The one resize of maps of numbers: features, logits, depths. Legend: B maps, h × w places in, H × W places out, C channels.

import { tf } from "@dinov2/tensor";

export interface BilinearOptions {
  /** Corner places keep their place, and those between are spread evenly; else places are squares that cover the same area. */
  readonly alignCorners?: boolean;
}

/**
 * Bilinear interpolation, without smoothing before a map shrinks: [B, h, w, C] to [B, H, W, C], as
 * `torch.nn.functional.interpolate(mode="bilinear")`.
 *
 * Two products with matrices of at most two numbers a row. TF.js' own op has a gradient that forgets where the centres are.
 */
export function resizeBilinear(maps: tf.Tensor4D, [height, width]: readonly [number, number], options: BilinearOptions = {}): tf.Tensor4D {
  const [, h, w] = maps.shape;
  if (h === height && w === width) return tf.clone(maps);
  return tf.tidy(() => {
    const rows = tf.transpose(maps, [0, 3, 1, 2]) as tf.Tensor4D; // [B, C, h, w]
    const wide = alongLast(rows, interpolation(w, width, options)); // [B, C, h, W]
    const columns = tf.transpose(wide, [0, 1, 3, 2]) as tf.Tensor4D; // [B, C, W, h]
    const high = alongLast(columns, interpolation(h, height, options)); // [B, C, W, H]
    return tf.transpose(high, [0, 3, 2, 1]);
  });
}

function alongLast(maps: tf.Tensor4D, weights: tf.Tensor2D): tf.Tensor4D {
  const [from, to] = weights.shape;
  const product = tf.matMul(tf.reshape(maps, [-1, from]), weights);
  return tf.reshape(product, [...maps.shape.slice(0, 3), to] as [number, number, number, number]);
}

/** What each of `to` places takes from each of `from`: [from, to]. */
function interpolation(from: number, to: number, { alignCorners = false }: BilinearOptions): tf.Tensor2D {
  const weights = new Float32Array(from * to);
  for (let place = 0; place < to; place++) {
    const spread = to > 1 ? (place * (from - 1)) / (to - 1) : 0;
    const source = alignCorners ? spread : Math.max(0, ((place + 0.5) * from) / to - 0.5);
    const before = Math.min(Math.floor(source), from - 1);
    const after = Math.min(before + 1, from - 1);
    weights[before * to + place]! += 1 - (source - before);
    weights[after * to + place]! += source - before;
  }
  return tf.tensor2d(weights, [from, to]);
}
