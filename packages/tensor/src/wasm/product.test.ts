import { beforeAll, describe, expect, it } from "vitest";
import { compileKernels } from "./binary.ts";
import type { MultiplyAdd } from "./binary.ts";
import { KernelContext } from "./context.ts";
import { KernelPool } from "./pool.ts";
import { multiply, multiplyBatch, rowMajor, transposed } from "./product.ts";
import { startSharedModule } from "./tfjs-module.ts";

let engine: Awaited<ReturnType<typeof startSharedModule>>;
beforeAll(async () => {
  engine = await startSharedModule();
});

const value = (i: number) => Math.sin(i * 12.9898) * 2;

/** A [batch, rows, depth] product in float64, from the same float32 operands. */
function reference(a: Float32Array, b: Float32Array, rows: number, depth: number, columns: number): Float64Array {
  const c = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      for (let k = 0; k < depth; k++) c[i * columns + j]! += a[i * depth + k]! * b[k * columns + j]!;
    }
  }
  return c;
}

function worstError(got: Float32Array, want: Float64Array): number {
  return got.reduce((worst, element, i) => Math.max(worst, Math.abs(element - want[i]!)), 0);
}

function flip(matrix: Float32Array, rows: number, columns: number): Float32Array {
  return matrix.map((_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]!);
}

describe.each<MultiplyAdd>(["fused", "plain"])("products with %s multiply-add", (multiplyAdd) => {
  let context: KernelContext;
  let views: (pointer: number, count: number) => Float32Array;
  beforeAll(async () => {
    const { backend, heap } = engine;
    const pool = new KernelPool(compileKernels(multiplyAdd).module, heap);
    await pool.resize(2);
    context = new KernelContext(backend, pool, heap);
    views = (pointer, count) => new Float32Array(heap.memory.buffer, pointer, count);
    return () => pool.resize(1);
  });

  // Less than a tile, cut tiles on each side, several blocks of depth, of rows and of columns.
  const sizes = [[1, 1, 1], [3, 5, 7], [4, 8, 8], [5, 13, 9], [33, 400, 70], [200, 800, 129], [7, 64, 1030]] as const;

  it.each(sizes)("%i × %i × %i follow the definition, whichever operand is transposed", (rows, depth, columns) => {
    const a = Float32Array.from({ length: rows * depth }, (_, i) => value(i));
    const b = Float32Array.from({ length: depth * columns }, (_, i) => value(i + 0.5));
    const want = reference(a, b, rows, depth, columns);
    for (const flipA of [false, true]) {
      for (const flipB of [false, true]) {
        const got = context.withFloats(a.length, (pa) =>
          context.withFloats(b.length, (pb) =>
            context.withFloats(want.length, (c) => {
              views(pa, a.length).set(flipA ? flip(a, rows, depth) : a);
              views(pb, b.length).set(flipB ? flip(b, depth, columns) : b);
              const left = flipA ? transposed(rowMajor(pa, rows)) : rowMajor(pa, depth);
              const right = flipB ? transposed(rowMajor(pb, depth)) : rowMajor(pb, columns);
              multiply(context, { a: left, b: right, rows, depth, columns, c });
              return views(c, want.length).slice();
            }),
          ),
        );
        expect(worstError(got, want)).toBeLessThan(1e-6 * depth);
      }
    }
  });

  it("takes the members of a batch one by one, and repeats one operand for all where its stride is 0", () => {
    const [batch, rows, depth, columns] = [6, 9, 11, 5];
    const a = Float32Array.from({ length: batch * rows * depth }, (_, i) => value(i));
    const b = Float32Array.from({ length: depth * columns }, (_, i) => value(i + 0.5));
    const got = context.withFloats(a.length, (pa) =>
      context.withFloats(b.length, (pb) =>
        context.withFloats(batch * rows * columns, (c) => {
          views(pa, a.length).set(a);
          views(pb, b.length).set(b);
          const product = { a: rowMajor(pa, depth), b: rowMajor(pb, columns), rows, depth, columns, c };
          multiplyBatch(context, batch, product, rows * depth, 0);
          return views(c, batch * rows * columns).slice();
        }),
      ),
    );
    // A batch whose right operand is one matrix is a taller product.
    expect(worstError(got, reference(a, b, batch * rows, depth, columns))).toBeLessThan(1e-5);
  });
});
