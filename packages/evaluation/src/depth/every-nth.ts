import { tf } from "@dinov2/tensor";

/**
 * Rows 0, n, 2n, … and of these the columns 0, n, 2n, …: [B, H, W, …] to [B, ⌈H / n⌉, ⌈W / n⌉, …], for maps with or without
 * channels. Made of reshapes and slices, which have gradients on every engine where strided slices have none.
 */
export function everyNth<T extends tf.Tensor3D | tf.Tensor4D>(maps: T, n: number): T {
  if (n === 1) return maps;
  return tf.tidy(() => {
    const [batch, height, width, channels] = maps.shape as [number, number, number, number?];
    const depth = channels ?? 1;
    const [rows, columns] = [Math.ceil(height / n), Math.ceil(width / n)];
    const flat = tf.reshape(maps, [batch, height, width * depth]) as tf.Tensor3D;
    const padded = tf.pad3d(flat, [[0, 0], [0, rows * n - height], [0, (columns * n - width) * depth]]);
    const keptRows = tf.slice3d(tf.reshape(padded, [batch * rows, n, columns * n * depth]), [0, 0, 0], [-1, 1, -1]);
    const kept = tf.slice3d(tf.reshape(keptRows, [batch * rows * columns, n, depth]), [0, 0, 0], [-1, 1, -1]);
    return tf.reshape(kept, channels === undefined ? [batch, rows, columns] : [batch, rows, columns, channels]) as T;
  });
}
