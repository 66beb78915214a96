// TensorBoard's events as protocol buffers (`tensorflow/core/util/event.proto`, `framework/summary.proto`; the wire format:
// protobuf.dev/programming-guides/encoding). Only what a log of scalars needs.

export interface ScalarEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  readonly scalars: Readonly<Record<string, number>>;
}

/** Event { wall_time = 1, step = 2, summary = 5 { value = 1 { tag = 1, simple_value = 2 } } } */
export function scalarEvent({ wallTime, step, scalars }: ScalarEvent): Buffer {
  const values = Object.entries(scalars).map(([tag, value]) => message(1, [text(1, tag), float(2, value)]));
  return Buffer.concat([double(1, wallTime), varint(2, step), message(5, values)]);
}

/** The first event of a file: Event { wall_time = 1, file_version = 3 } */
export const versionEvent = (wallTime: number): Buffer => Buffer.concat([double(1, wallTime), text(3, "brain.Event:2")]);

/**
 * Says that the steps from `step` on are told again, so that a reader drops what it has of them:
 * Event { wall_time = 1, step = 2, session_log = 7 { status = 1: START } }
 */
export const restartEvent = (wallTime: number, step: number): Buffer =>
  Buffer.concat([double(1, wallTime), varint(2, step), message(7, [varint(1, 1)])]);

const wireTypes = { varint: 0, double: 1, bytes: 2, float: 5 } as const;

const key = (field: number, type: keyof typeof wireTypes) => base128((field << 3) | wireTypes[type]);

/** Seven bits a byte, the lowest first; all but the last byte have the top bit. */
function base128(value: number): Buffer {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Buffer.from([...bytes, value]);
}

const varint = (field: number, value: number) => Buffer.concat([key(field, "varint"), base128(value)]);
const text = (field: number, value: string) => bytes(field, Buffer.from(value));
const message = (field: number, parts: readonly Buffer[]) => bytes(field, Buffer.concat(parts));
const bytes = (field: number, value: Buffer) => Buffer.concat([key(field, "bytes"), base128(value.length), value]);

function double(field: number, value: number): Buffer {
  const encoded = Buffer.alloc(8);
  encoded.writeDoubleLE(value);
  return Buffer.concat([key(field, "double"), encoded]);
}

function float(field: number, value: number): Buffer {
  const encoded = Buffer.alloc(4);
  encoded.writeFloatLE(value);
  return Buffer.concat([key(field, "float"), encoded]);
}
