import { emaUpdate, tf } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import { type Addon, type Handle, loadAddon } from "./addon.ts";
import { start } from "./index.ts";
import { testDevice } from "./testing/test-device.ts";

const loaded = loadAddon();
if (typeof loaded === "string") it.skip(`the LibTorch addon: ${loaded}`, () => {});
else describe("the LibTorch addon", () => startTests(loaded.addon));

function startTests(addon: Addon): void {
  beforeAll(() => start({ device: testDevice }));

  const float32 = 0;
  const handleOf = ({ dataId }: tf.Tensor) => (tf.backend() as unknown as { data: tf.DataStorage<{ handle: Handle }> }).data.get(dataId).handle;
  const create = (...values: number[]) => addon.create(Float32Array.from(values), float32, [values.length]);

  it("reads without blocking, and keeps what it reads until then", async () => {
    const handle = create(1, 2, 3);
    const reading = addon.readAsync(handle);
    addon.release(handle);
    expect(await reading).toEqual(Float32Array.of(1, 2, 3));
    expect(() => addon.readAsync(handle)).toThrow("used after it was disposed of");
  });

  it("reads a variable as it was when it was asked for, whatever happens to it meanwhile", async () => {
    const [teacher, student] = [tf.variable(tf.tensor1d([1, 2])), tf.tensor1d([5, 6])];
    emaUpdate([teacher], [student], 1); // from here on in memory of its own
    const reading = addon.readAsync(handleOf(teacher));
    emaUpdate([teacher], [student], 0);
    expect(teacher.dataSync()).toEqual(Float32Array.of(5, 6));
    expect(await reading).toEqual(Float32Array.of(1, 2));
    tf.dispose([teacher, student]);
  });

  it("reads every dtype, scalars and what is empty", async () => {
    for (const tensor of [tf.scalar(7), tf.tensor1d([1, -2], "int32"), tf.tensor1d([true, false], "bool"), tf.zeros([0, 3])]) {
      expect(await addon.readAsync(handleOf(tensor))).toEqual(tensor.dataSync());
      tensor.dispose();
    }
  });

  it("says what ran out of memory and how to need less, and goes on working", () => {
    const { tensors, bytes } = addon.memory();
    // Their product is larger than what a processor can address.
    const [column, row] = [tf.ones([12_000_000, 1]), tf.ones([1, 12_000_000])];
    expect(() => tf.matMul(column, row)).toThrow(/\(\[12000000, 1\] float32.*out of memory; use a smaller batch or checkpoint blocks/);
    tf.dispose([column, row]);
    expect(addon.memory()).toMatchObject({ tensors, bytes });
    expect(tf.tidy(() => tf.add(tf.tensor1d([1]), tf.tensor1d([2])).dataSync())).toEqual(Float32Array.of(3));
  });
}
