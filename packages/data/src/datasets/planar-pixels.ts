import { readPart, type FilePart } from "./file-part.ts";

/** A picture as bare bytes in a file: all of its red, then its green, then its blue; rows of 8-bit pixels without compression. */
export interface PlanarPixels extends FilePart {
  readonly width: number;
  readonly height: number;
}

const [short, long] = [3, 4];
/** Where the pixels of `planarTiff` begin: a header of 8 bytes, a table of 10 fields, the lists of three numbers. */
const [tableAt, listsAt, pixelsAt] = [8, 134, 164];

/**
 * The pixels as a TIFF file, which decoders know: bare bytes of planes are what one holds (TIFF 6.0, PlanarConfiguration 2).
 * Throws `InputError` when the file is shorter.
 */
export async function planarTiff(source: PlanarPixels): Promise<Buffer> {
  const { width, height } = source;
  const planeSize = width * height;
  const planes = [0, 1, 2];
  const fields: [tag: number, type: number, count: number, valueOrPlace: number][] = [
    [256, short, 1, width],
    [257, short, 1, height],
    [258, short, 3, listsAt], // bits of a sample
    [259, short, 1, 1], // not compressed
    [262, short, 1, 2], // red, green, blue
    [273, long, 3, listsAt + 6], // where each plane begins
    [277, short, 1, 3],
    [278, short, 1, height],
    [279, long, 3, listsAt + 18], // bytes of each plane
    [284, short, 1, 2], // planes one after another
  ];
  const header = Buffer.alloc(pixelsAt);
  header.write("II*\0", "latin1");
  header.writeUInt32LE(tableAt, 4);
  header.writeUInt16LE(fields.length, tableAt);
  fields.forEach(([tag, type, count, valueOrPlace], i) => {
    const at = tableAt + 2 + 12 * i;
    header.writeUInt16LE(tag, at);
    header.writeUInt16LE(type, at + 2);
    header.writeUInt32LE(count, at + 4);
    header.writeUInt32LE(valueOrPlace, at + 8);
  });
  for (const plane of planes) {
    header.writeUInt16LE(8, listsAt + 2 * plane);
    header.writeUInt32LE(pixelsAt + plane * planeSize, listsAt + 6 + 4 * plane);
    header.writeUInt32LE(planeSize, listsAt + 18 + 4 * plane);
  }
  return Buffer.concat([header, await readPart(source)]);
}
