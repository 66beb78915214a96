// A program of its own, as a mistake takes its memory: asks for more than a control group has left, which hostile.test.ts pretends.
// Argument: the file that says what the group uses. Prints what became of each request.
import { writeFileSync } from "node:fs";
import { tf } from "@dinov2/tensor";
import { start } from "../index.ts";

/** Of the group, and so far above what this machine has that only the pretended figures count. */
const limit = 2 ** 45;
const mebibyte = 2 ** 20;
const leave = (mebibytes: number) => writeFileSync(process.argv[2]!, `${limit - mebibytes * mebibyte}\n`);

const filled = (mebibytes: number) => tf.fill([(mebibytes * mebibyte) / 4], 1);
const run = (kernel: string, inputs: tf.NamedTensorMap, attributes: object) => tf.dispose(tf.engine().runKernel(kernel, inputs, attributes as tf.NamedAttrMap));

const requests: Readonly<Record<string, () => unknown>> = {
  tensor: () => filled(220),
  "scratch for resizing": () => tf.image.resizeBilinear(tf.ones([1, 1, 1, 1]) as tf.Tensor4D, [30_000_000, 1]),
  "scratch for rows": () => run("GatherRowsGrad", { dy: tf.ones([1, 1]) }, { indices: Int32Array.of(7), rows: 30_000_000 }),
  "scratch for neighbours": () => run("NearestRows", { queries: tf.ones([1, 4_000_000]), bank: tf.ones([1, 4_000_000]), floors: tf.zeros([1]) }, { k: 1 }),
  "pages that went back": () => {
    const [large, behind] = [filled(140), filled(1)];
    large.dispose(); // Almost all is free: its pages go back.
    leave(50);
    return [filled(140), behind];
  },
  "a free block that grows": () => {
    const kept = filled(16);
    filled(120).dispose(); // Its pages stay.
    leave(50);
    return [filled(140), kept];
  },
};

function outcome(request: () => unknown): string {
  leave(150); // And 50 MB of files, which go when memory is wanted.
  try {
    tf.tidy(() => void request());
    return "done";
  } catch (error) {
    return (error as Error).message;
  }
}

await start({ device: "cpu", threads: 1 });
console.log(JSON.stringify(Object.fromEntries(Object.entries(requests).map(([name, request]) => [name, outcome(request)]))));
