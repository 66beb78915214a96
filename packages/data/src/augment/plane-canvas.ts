import { resampleTable, type ResampleTable } from "./bicubic.ts";
import { gaussianKernel } from "./gaussian.ts";
import { instantiateKernels, type Kernels } from "./kernels.ts";
import type { Normalization } from "./normalization.ts";
import type { Rectangle } from "./random-resized-crop.ts";
import type { RgbImage } from "../images.ts";

const align = (bytes: number) => (bytes + 63) & ~63;
/** What kernels may read or write past the end of a block. */
const slack = 64;
/** Pictures up to this size stay whole in the kernels' memory; of larger ones, one strip of rows at a time. */
const residentBytes = 16 << 20;
const stripBytes = 4 << 20;
const pageBytes = 1 << 16;

/** Part of a resized picture: the whole is `width` x `height`, and `window` of it is made. */
export interface ResizeTarget {
  readonly width: number;
  readonly height: number;
  readonly window?: Rectangle;
  readonly flip?: boolean;
}

/**
 * The working surface of the augmentation: holds a source picture and one crop of it as three planes of bytes, and does
 * Pillow's operations to the crop in place. One per thread; everything lies in the memory of one kernel instance, laid out
 * anew for each crop: [source or strip | tables | resized rows | planes | scratch and output].
 */
export class PlaneCanvas {
  private readonly kernels: Kernels = instantiateKernels();
  private image: RgbImage = { width: 0, height: 0, data: new Uint8Array(0) };
  private sourceEnd = 0;
  private planes = 0;
  private stride = 0;
  private scratch = 0;
  width = 0;
  height = 0;

  /** Takes the picture that the following crops come from. It must not change until the last of them is made. */
  load(image: RgbImage): void {
    if (image.data.length !== image.width * image.height * 3) {
      throw new RangeError(`An image of ${image.width} x ${image.height} pixels has ${image.data.length} bytes.`);
    }
    this.image = image;
    this.sourceEnd = align((this.isResident ? image.data.length : Math.max(stripBytes, image.width * 3)) + slack);
    this.reserve(this.sourceEnd);
    if (this.isResident) this.bytes().set(image.data);
  }

  private get isResident(): boolean {
    return this.image.data.length <= residentBytes;
  }

  /** Makes the crop: `rectangle` of the picture, antialiased bicubic to `target`. */
  resize(rectangle: Rectangle, target: ResizeTarget): void {
    const window = target.window ?? { top: 0, left: 0, width: target.width, height: target.height };
    const along = { start: window.left, length: window.width, mirrored: target.flip ?? false };
    const columns = resampleTable(rectangle.width, target.width, along);
    const rows = resampleTable(rectangle.height, target.height, { start: window.top, length: window.height });
    const firstRow = rows.bounds[0]!;
    const rowCount = rows.bounds[2 * rows.length - 2]! + rows.bounds[2 * rows.length - 1]! - firstRow;
    const rowBytes = window.width * 3;

    const columnTable = this.sourceEnd;
    const rowTable = columnTable + tableBytes(columns);
    const resized = rowTable + tableBytes(rows);
    this.layOut(align(resized + rowCount * rowBytes + slack), window.width, window.height);
    this.writeTable(columns, columnTable);
    this.writeTable(rows, rowTable);
    this.resizeRows(rectangle, firstRow, rowCount, { table: columns, at: columnTable, target: resized, rowBytes });
    this.kernels.resizeColumns(
      resized, rowBytes, firstRow, window.width,
      this.planes, this.stride, window.height,
      rowTable, rowTable + align(rows.bounds.byteLength), rows.stride,
    );
  }

  private resizeRows(
    rectangle: Rectangle,
    firstRow: number,
    rowCount: number,
    { table, at, target, rowBytes }: { table: ResampleTable; at: number; target: number; rowBytes: number },
  ): void {
    const sourceStride = this.image.width * 3;
    const rowsPerStrip = this.isResident ? rowCount : Math.max(1, Math.floor(stripBytes / sourceStride));
    for (let row = 0; row < rowCount; row += rowsPerStrip) {
      const count = Math.min(rowsPerStrip, rowCount - row);
      const start = (rectangle.top + firstRow + row) * sourceStride;
      if (!this.isResident) this.bytes().set(this.image.data.subarray(start, start + count * sourceStride));
      this.kernels.resizeRows(
        (this.isResident ? start : 0) + rectangle.left * 3, sourceStride, count,
        target + row * rowBytes, rowBytes, table.length,
        at, at + align(table.bounds.byteLength), table.stride,
      );
    }
  }

  brightness(factor: number): void {
    this.kernels.blend(this.planes, 3 * this.stride, 0, factor);
  }

  /** Away from the mean luminance, rounded to a whole level. */
  contrast(factor: number): void {
    const count = this.width * this.height;
    const mean = Math.trunc(this.kernels.luminanceSum(this.planes, this.stride, count) / count + 0.5);
    this.kernels.blend(this.planes, 3 * this.stride, mean, factor);
  }

  saturation(factor: number): void {
    this.kernels.saturate(this.planes, this.stride, factor);
  }

  /** Turns the hue by `turn` (-0.5..0.5 of the colour wheel), in 8-bit steps truncated towards zero. */
  hue(turn: number): void {
    this.kernels.shiftHue(this.planes, this.stride, Math.trunc(turn * 255) & 255);
  }

  grayscale(): void {
    this.kernels.grayscale(this.planes, this.stride);
  }

  blur(sigma: number): void {
    const kernel = gaussianKernel(sigma);
    new Float32Array(this.kernels.memory.buffer, this.scratch, 5).set(kernel.subarray(4));
    for (let channel = 0; channel < 3; channel++) {
      const plane = this.planes + channel * this.stride;
      this.kernels.blurPlane(plane, this.width, this.height, this.scratch, this.scratch + 64);
    }
  }

  solarize(threshold: number): void {
    this.kernels.solarize(this.planes, 3 * this.stride, threshold);
  }

  /** Writes the crop as normalised planes, as many of the three as there are means: [channels, height, width]. */
  normalize({ mean, standardDeviation }: Normalization, output: Float32Array): void {
    const count = this.width * this.height;
    for (let channel = 0; channel < mean.length; channel++) {
      const deviation = standardDeviation[channel]!;
      const plane = this.planes + channel * this.stride;
      this.kernels.normalize(plane, count, 1 / (255 * deviation), -mean[channel]! / deviation, this.scratch);
      output.set(new Float32Array(this.kernels.memory.buffer, this.scratch, count), channel * count);
    }
  }

  /** The crop as a picture. */
  read(): RgbImage {
    const count = this.width * this.height;
    const data = new Uint8Array(count * 3);
    const bytes = this.bytes();
    for (let channel = 0; channel < 3; channel++) {
      const plane = this.planes + channel * this.stride;
      for (let i = 0; i < count; i++) data[3 * i + channel] = bytes[plane + i]!;
    }
    return { width: this.width, height: this.height, data };
  }

  /** Puts planes of `width` x `height` at `start`, and behind them room for the blur's rows and one plane of floats. */
  private layOut(start: number, width: number, height: number): void {
    this.width = width;
    this.height = height;
    this.planes = start;
    this.stride = align(width * height + slack);
    this.scratch = start + 3 * this.stride + slack;
    const blurBytes = (height + 9) * (align(4 * width) + 64) + 4 * slack;
    this.reserve(this.scratch + Math.max(blurBytes, 4 * this.stride));
  }

  private writeTable({ bounds, weights }: ResampleTable, at: number): void {
    new Int32Array(this.kernels.memory.buffer, at, bounds.length).set(bounds);
    new Int32Array(this.kernels.memory.buffer, at + align(bounds.byteLength), weights.length).set(weights);
  }

  private bytes(): Uint8Array {
    return new Uint8Array(this.kernels.memory.buffer);
  }

  private reserve(bytes: number): void {
    const missing = bytes - this.kernels.memory.buffer.byteLength;
    if (missing > 0) this.kernels.memory.grow(Math.ceil(missing / pageBytes));
  }
}

function tableBytes({ bounds, weights }: ResampleTable): number {
  return align(bounds.byteLength) + align(weights.byteLength);
}
