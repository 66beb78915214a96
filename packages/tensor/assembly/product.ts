// Matrix products. C [M,N] = init + A [M,K] B [K,N], where A and B may be transposed views (any strides).
// B is packed once into panels of 8 columns that all threads share; each thread packs blocks of A of its
// own into strips of 4 rows. The tile of 4 x 8 is what fits the 16 vector registers of the commonest
// machines when the compiler moves all loads of an iteration to its front, as V8 does.
import { element, integerAt, pointerAt } from "./arguments";
import { geluSpan } from "./gelu";
import { packStrips } from "./pack";
import { loadLanes, multiplyAdd, storeLanes } from "./simd";

/** Bytes that a full tile takes, at the start of a thread's scratch memory: for tiles cut by an edge. */
export const TILE_BYTES: usize = 128;

/** c [4,8] = init [4,8] + a [depth,4]ᵀ b [depth,8]; strides in bytes. */
function tile(a: usize, b: usize, depth: i32, init: usize, initStride: usize, c: usize, cStride: usize): void {
  let c00 = v128.load(init);
  let c01 = v128.load(init, 16);
  let c10 = v128.load(init + initStride);
  let c11 = v128.load(init + initStride, 16);
  let c20 = v128.load(init + 2 * initStride);
  let c21 = v128.load(init + 2 * initStride, 16);
  let c30 = v128.load(init + 3 * initStride);
  let c31 = v128.load(init + 3 * initStride, 16);
  const end = a + (<usize>depth << 4);
  do {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const a0 = v128.load32_splat(a);
    c00 = multiplyAdd(a0, b0, c00);
    c01 = multiplyAdd(a0, b1, c01);
    const a1 = v128.load32_splat(a, 4);
    c10 = multiplyAdd(a1, b0, c10);
    c11 = multiplyAdd(a1, b1, c11);
    const a2 = v128.load32_splat(a, 8);
    c20 = multiplyAdd(a2, b0, c20);
    c21 = multiplyAdd(a2, b1, c21);
    const a3 = v128.load32_splat(a, 12);
    c30 = multiplyAdd(a3, b0, c30);
    c31 = multiplyAdd(a3, b1, c31);
    a += 16;
    b += 32;
  } while (a < end);
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(c + cStride, c10);
  v128.store(c + cStride, c11, 16);
  v128.store(c + 2 * cStride, c20);
  v128.store(c + 2 * cStride, c21, 16);
  v128.store(c + 3 * cStride, c30);
  v128.store(c + 3 * cStride, c31, 16);
}

/** The same for a tile of which only `rows` x `columns` exist; `corner` holds a full tile meanwhile. */
function cutTile(
  a: usize, b: usize, depth: i32, init: usize, initStride: usize, c: usize, cStride: usize,
  rows: i32, columns: i32, corner: usize,
): void {
  memory.fill(corner, 0, TILE_BYTES);
  for (let row: i32 = 0; row < rows; row++) {
    const from = init + <usize>row * initStride;
    v128.store(corner + (<usize>row << 5), loadLanes(from, columns));
    v128.store(corner + (<usize>row << 5), loadLanes(from + 16, columns - 4), 16);
  }
  tile(a, b, depth, corner, 32, corner, 32);
  for (let row: i32 = 0; row < rows; row++) {
    const to = c + <usize>row * cStride;
    storeLanes(to, v128.load(corner + (<usize>row << 5)), columns);
    storeLanes(to + 16, v128.load(corner + (<usize>row << 5), 16), columns - 4);
  }
}

/**
 * One thread's block of a product: `rows` rows of A against the columns [columnBegin, columnEnd) of packed B.
 * `init` and `c` point at the block's first row, column 0; initColumnStep is 0 for an init of zeros.
 * scratch: a full tile, then strips of A for all `rows`.
 */
export function productBlock(
  a: usize, aRowStride: i32, aDepthStride: i32, rows: i32, depth: i32,
  packed: usize, columns: i32, columnBegin: i32, columnEnd: i32,
  init: usize, initStride: i32, initColumnStep: i32, c: usize, cStride: i32, scratch: usize,
): void {
  const strips = scratch + TILE_BYTES;
  packStrips(a, aRowStride, aDepthStride, rows, 4, depth, strips);
  for (let column = columnBegin; column < columnEnd; column += 8) {
    const panel = element(packed, column * depth);
    const width = min(8, columns - column);
    for (let row: i32 = 0; row < rows; row += 4) {
      const height = min(4, rows - row);
      const strip = element(strips, row * depth);
      const from = element(init, row * initStride + column * initColumnStep);
      const to = element(c, row * cStride + column);
      if (height === 4 && width === 8) {
        tile(strip, panel, depth, from, <usize>initStride << 2, to, <usize>cStride << 2);
      } else {
        cutTile(strip, panel, depth, from, <usize>initStride << 2, to, <usize>cStride << 2, height, width, scratch);
      }
    }
  }
}

/** Packs a share of B's panels. Slots: b, depth stride, column stride, depth, columns, packed, panels per chunk. */
export function packRight(args: usize, chunk: i32, _scratch: usize): void {
  const columnStride = integerAt(args, 2);
  const depth = integerAt(args, 3);
  const columns = integerAt(args, 4);
  const begin = chunk * integerAt(args, 6) * 8;
  const count = min(integerAt(args, 6) * 8, columns - begin);
  packStrips(
    element(pointerAt(args, 0), begin * columnStride), columnStride, integerAt(args, 1), count, 8, depth,
    element(pointerAt(args, 5), begin * depth),
  );
}

/**
 * One block of the product. Slots: 0 a, 1 its row stride, 2 its depth stride, 3 rows, 4 rows per block, 5 depth,
 * 6 packed B, 7 columns, 8 columns per block (a multiple of 8), 9 column blocks, 10 init, 11 init row stride,
 * 12 init column step, 13 c, 14 c row stride, 15 activated (0, or where gelu(c) goes, of c's layout).
 */
export function product(args: usize, chunk: i32, scratch: usize): void {
  const columnBlocks = integerAt(args, 9);
  const rowsPerBlock = integerAt(args, 4);
  const row = (chunk / columnBlocks) * rowsPerBlock;
  const rows = min(rowsPerBlock, integerAt(args, 3) - row);
  const columns = integerAt(args, 7);
  const columnBegin = (chunk % columnBlocks) * integerAt(args, 8);
  const columnEnd = min(columns, columnBegin + integerAt(args, 8));
  const cStride = integerAt(args, 14);
  const c = element(pointerAt(args, 13), row * cStride);
  productBlock(
    element(pointerAt(args, 0), row * integerAt(args, 1)), integerAt(args, 1), integerAt(args, 2), rows, integerAt(args, 5),
    pointerAt(args, 6), columns, columnBegin, columnEnd,
    element(pointerAt(args, 10), row * integerAt(args, 11)), integerAt(args, 11), integerAt(args, 12), c, cStride, scratch,
  );
  const activated = pointerAt(args, 15);
  if (activated === 0) return;
  for (let i: i32 = 0; i < rows; i++) {
    const at = element(0, (row + i) * cStride + columnBegin);
    geluSpan(pointerAt(args, 13) + at, activated + at, columnEnd - columnBegin);
  }
}

/**
 * A batch of small products, one batch member per chunk. Slots: 0 a, 1 row stride, 2 depth stride, 3 batch stride,
 * 4 b, 5 depth stride, 6 column stride, 7 batch stride, 8 rows, 9 depth, 10 columns, 11 c, 12 zeros.
 * scratch: packed B, then what productBlock takes.
 */
export function batchProduct(args: usize, chunk: i32, scratch: usize): void {
  const rows = integerAt(args, 8);
  const depth = integerAt(args, 9);
  const columns = integerAt(args, 10);
  const panels = (columns + 7) & ~7;
  packStrips(
    element(pointerAt(args, 4), chunk * integerAt(args, 7)), integerAt(args, 6), integerAt(args, 5), columns, 8, depth, scratch,
  );
  productBlock(
    element(pointerAt(args, 0), chunk * integerAt(args, 3)), integerAt(args, 1), integerAt(args, 2), rows, depth,
    scratch, columns, 0, columns, pointerAt(args, 12), 0, 0,
    element(pointerAt(args, 11), chunk * rows * columns), columns, element(scratch, panels * depth),
  );
}
