// Row-major positions, for the reference definitions of TF.js' own ops.
import { sizeOf } from "./values.ts";

/** Every position of a shape, in row-major order. */
export function positions(shape: readonly number[]): number[][] {
  return Array.from({ length: sizeOf(shape) }, (_, flat) => {
    let rest = flat;
    return shape.toReversed().map((size) => {
      const at = rest % size;
      rest = Math.floor(rest / size);
      return at;
    }).toReversed();
  });
}

/** The flat index of a position; a position with more axes than the shape, or at an axis of size 1, is broadcast. */
export function flatIndex(shape: readonly number[], position: readonly number[]): number {
  const own = position.slice(position.length - shape.length);
  return shape.reduce((flat, size, axis) => flat * size + (size === 1 ? 0 : own[axis]!), 0);
}

/** The common shape of two operands. */
export function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  const at = (shape: readonly number[], axis: number) => shape[axis - rank + shape.length] ?? 1;
  return Array.from({ length: rank }, (_, axis) => (at(a, axis) === 1 ? at(b, axis) : at(a, axis)));
}
