// Convolutions of maps as sums of matrix products, which every engine has with their gradients (WebAssembly has none for
// a convolution's kernel). Legend: B maps, h × w places, C channels in, O channels out.

import { tf } from "@dinov2/tensor";

/** The 9 places of a 3 × 3 kernel, row by row, from the corner of a map with a border of one. */
const TAPS = Array.from({ length: 9 }, (_, tap) => [Math.floor(tap / 3), tap % 3] as const);

/**
 * A 3 × 3 convolution at every place, zeros outside: [B, h, w, C] to [B, h, w, O].
 *
 *     y[b, i, j] = Σ_tap x[b, i + row(tap) − 1, j + column(tap) − 1] · kernel[tap]
 *
 * It saves its inputs alone, not the nine shifted maps.
 * @param kernel [9, C, O]
 */
export function convolve3x3(maps: tf.Tensor4D, kernel: tf.Tensor3D): tf.Tensor4D {
  const convolution = tf.customGrad((...given) => {
    const [x, k, save] = given as unknown as [tf.Tensor4D, tf.Tensor3D, tf.GradSaveFunc];
    save([x, k]);
    return {
      value: sumOfTaps(x, k),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [x, k] = saved as [tf.Tensor4D, tf.Tensor3D];
        return [sumOfTaps(dy as tf.Tensor4D, backwards(k)), kernelGradient(x, dy as tf.Tensor4D)];
      },
    };
  });
  return convolution(maps, kernel) as tf.Tensor4D;
}

function sumOfTaps(x: tf.Tensor4D, kernel: tf.Tensor3D): tf.Tensor4D {
  const [batch, height, width] = x.shape;
  return tf.tidy(() => {
    const bordered = border(x);
    let sum: tf.Tensor2D | undefined;
    for (const tap of TAPS.keys()) {
      const next = tf.tidy(() => {
        const product = tf.matMul(shifted(bordered, tap), tapOf(kernel, tap)) as tf.Tensor2D;
        return sum ? tf.add(sum, product) : product;
      }) as tf.Tensor2D;
      sum?.dispose();
      sum = next;
    }
    return tf.reshape(sum!, [batch, height, width, kernel.shape[2]]);
  });
}

/** The kernel that takes gradients of the output to those of the input: turned around, channels exchanged. */
const backwards = (kernel: tf.Tensor3D) =>
  tf.tidy(() => tf.transpose(tf.stack([...TAPS.keys()].reverse().map((tap) => tapOf(kernel, tap))), [0, 2, 1]) as tf.Tensor3D);

function kernelGradient(x: tf.Tensor4D, dy: tf.Tensor4D): tf.Tensor3D {
  return tf.tidy(() => {
    const bordered = border(x);
    const rows = tf.reshape(dy, [-1, dy.shape[3]]) as tf.Tensor2D;
    return tf.stack([...TAPS.keys()].map((tap) => tf.tidy(() => tf.matMul(tf.transpose(shifted(bordered, tap)), rows)))) as tf.Tensor3D;
  });
}

const border = (x: tf.Tensor4D) => tf.pad4d(x, [[0, 0], [1, 1], [1, 1], [0, 0]]);

/** The map as a kernel's place sees it, [B h w, C]. */
function shifted(bordered: tf.Tensor4D, tap: number): tf.Tensor2D {
  const [batch, height, width, channels] = bordered.shape;
  const [row, column] = TAPS[tap]!;
  return tf.reshape(tf.slice4d(bordered, [0, row, column, 0], [batch, height - 2, width - 2, channels]), [-1, channels]);
}

const tapOf = (kernel: tf.Tensor3D, tap: number) =>
  tf.reshape(tf.slice3d(kernel, [tap, 0, 0], [1, -1, -1]), [kernel.shape[1], kernel.shape[2]]) as tf.Tensor2D;

/** The same matrix product at every place: [B, h, w, C] times [C, O]. */
export function pointwise(maps: tf.Tensor4D, weight: tf.Tensor2D): tf.Tensor4D {
  const [batch, height, width, channels] = maps.shape;
  return tf.tidy(() => tf.reshape(tf.matMul(tf.reshape(maps, [-1, channels]), weight), [batch, height, width, weight.shape[1]]));
}

/**
 * A transposed convolution whose stride is its kernel's side: every place becomes a block of `side` × `side`, so that
 * [B, h, w, C] times [C, side² O] is [B, h side, w side, O].
 * @param weight [C, side² O], the block row by row
 */
export function unfoldPlaces(maps: tf.Tensor4D, weight: tf.Tensor2D, side: number): tf.Tensor4D {
  const [batch, height, width] = maps.shape;
  const outputs = weight.shape[1] / (side * side);
  return tf.tidy(() => {
    const blocks = tf.reshape(pointwise(maps, weight), [batch * height, width, side, side * outputs]);
    return tf.reshape(tf.transpose(blocks, [0, 2, 1, 3]), [batch, height * side, width * side, outputs]);
  });
}
