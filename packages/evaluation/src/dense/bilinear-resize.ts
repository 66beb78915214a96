// The one resize of maps of numbers: features, logits, depths. Legend: B maps, h × w places in, H × W places out, C channels.

import { fullPrecision, tf } from "@dinov2/tensor";

export interface BilinearOptions {
  /** Corner places keep their place, and those between are spread evenly; else places are squares that cover the same area. */
  readonly alignCorners?: boolean;
}

/**
 * Bilinear interpolation, without smoothing before a map shrinks: [B, h, w, C] to [B, H, W, C], as
 * `torch.nn.functional.interpolate(mode="bilinear")`.
 *
 * Two products with matrices of at most two numbers a row. TF.js' own op has a gradient that forgets where the centres are.
 * In float32 on an engine that multiplies in bfloat16 too: nothing is learned here that would get used to the rounding.
 */
export function resizeBilinear(maps: tf.Tensor4D, [height, width]: readonly [number, number], options: BilinearOptions = {}): tf.Tensor4D {
  const [, h, w] = maps.shape;
  if (h === height && w === width) return tf.clone(maps);
  return tf.tidy(() => fullPrecision(() => {
    const [batch, , , channels] = maps.shape;
    const rows = tf.reshape(maps, [batch, h, w * channels]);
    const high = tf.matMul(interpolation(h, height, options), rows); // [B, H, w C]
    const columns = tf.reshape(high, [batch * height, w, channels]);
    const wide = tf.matMul(interpolation(w, width, options), columns); // [B H, W, C]
    return tf.reshape(wide, [batch, height, width, channels]);
  }));
}

/** What each of `to` places takes from each of `from`: [1, to, from], the same for all that is multiplied. */
function interpolation(from: number, to: number, { alignCorners = false }: BilinearOptions): tf.Tensor3D {
  const weights = new Float32Array(from * to);
  for (let place = 0; place < to; place++) {
    const spread = to > 1 ? (place * (from - 1)) / (to - 1) : 0;
    const source = alignCorners ? spread : Math.max(0, ((place + 0.5) * from) / to - 0.5);
    const before = Math.min(Math.floor(source), from - 1);
    const after = Math.min(before + 1, from - 1);
    weights[place * from + before]! += 1 - (source - before);
    weights[place * from + after]! += source - before;
  }
  return tf.tensor3d(weights, [1, to, from]);
}
