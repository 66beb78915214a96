// For tests: a file as `torch.save` wrote it before version 1.6, which needs no archive. Format: `_legacy_save` of
// `torch/serialization.py`, pickles of protocol 2 and then the numbers.

interface Saved {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

const text = (value: string) => Buffer.concat([Buffer.from("X"), uint32(Buffer.byteLength(value)), Buffer.from(value)]);
const integer = (value: number) => Buffer.concat([Buffer.from("J"), uint32(value)]);
const uint32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
const global = (module: string, name: string) => Buffer.from(`c${module}\n${name}\n`);
const tuple = (...items: Buffer[]) => Buffer.concat([Buffer.from("("), ...items, Buffer.from("t")]);
const dict = (entries: readonly (readonly [string, Buffer])[]) =>
  Buffer.concat([Buffer.from("}("), ...entries.flatMap(([key, value]) => [text(key), value]), Buffer.from("u")]);
const pickle = (value: Buffer) => Buffer.concat([Buffer.from([0x80, 2]), value, Buffer.from(".")]);

function tensor(key: string, { shape, data }: Saved): Buffer {
  const storage = Buffer.concat([
    tuple(text("storage"), global("torch", "FloatStorage"), text(key), text("cpu"), integer(data.length), Buffer.from("N")),
    Buffer.from("Q"),
  ]);
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const hooks = Buffer.concat([global("collections", "OrderedDict"), Buffer.from(")R")]);
  const given = tuple(storage, integer(0), tuple(...shape.map(integer)), tuple(...strides.map(integer)), Buffer.from([0x89]), hooks);
  return Buffer.concat([global("torch._utils", "_rebuild_tensor_v2"), given, Buffer.from("R")]);
}

/** A checkpoint as mmcv saves one: `{ "meta": { "epoch": 1 }, "state_dict": tensors }`. */
export function torchCheckpoint(tensors: ReadonlyMap<string, Saved>): Buffer {
  const named = [...tensors];
  const keyOf = (i: number) => String(1000 + i);
  const state = dict(named.map(([name, saved], i) => [name, tensor(keyOf(i), saved)]));
  const magic = Buffer.concat([Buffer.from([0x8a, 10]), Buffer.from("6cfc9c46f9206aa85019", "hex")]);
  const keys = Buffer.concat([Buffer.from("]("), ...named.map((_, i) => text(keyOf(i))), Buffer.from("e")]);
  const system = dict([["little_endian", Buffer.from([0x88])]]);
  const pickles = [magic, integer(1001), system, dict([["meta", dict([["epoch", integer(1)]])], ["state_dict", state]]), keys];
  const numbers = named.flatMap(([, { data }]) => [
    Buffer.from(BigInt64Array.of(BigInt(data.length)).buffer),
    Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  ]);
  return Buffer.concat([...pickles.map(pickle), ...numbers]);
}
