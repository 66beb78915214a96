import { crc32c } from "./crc32c.ts";

/**
 * A record of a TFRecord file: length, its checksum, data, their checksum, little-endian. A checksum is masked, since data may
 * hold checksums themselves (TensorFlow, `core/lib/io/record_writer.h` and `core/lib/hash/crc32c.h`).
 */
export function tfRecord(data: Uint8Array): Buffer {
  const record = Buffer.alloc(8 + 4 + data.length + 4);
  record.writeBigUInt64LE(BigInt(data.length), 0);
  record.writeUInt32LE(maskedCrc(record.subarray(0, 8)), 8);
  record.set(data, 12);
  record.writeUInt32LE(maskedCrc(data), 12 + data.length);
  return record;
}

function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
