// A program of its own, since a mistake ends it: the system gives it no more memory, it asks for some all the same, and goes on.
// Prints the error. Which request: "read" or "attention".
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { tf } from "@dinov2/tensor";
import { start } from "../index.ts";

const [length, width] = [65536, 64];

/** Of `count` rows, in one sequence. */
function attention(qkv: tf.Tensor, count: number): Float32Array {
  const attributes = { segments: [{ count: 1, length: count }], heads: 1 } as unknown as tf.NamedAttrMap;
  return tf.tidy(() => {
    const [output] = tf.engine().runKernel("BlockDiagonalAttention", { qkv }, attributes) as tf.Tensor[];
    return output!.dataSync() as Float32Array;
  });
}

function messageOf(body: () => unknown): string {
  try {
    body();
    return "no error";
  } catch (error) {
    return (error as Error).message;
  }
}

/** The memory of large tensors is reserved already; this is what else comes: threads' rooms, JavaScript's arrays. */
function leave(bytes: number): void {
  const [, kibibytes] = /VmSize:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))!;
  execFileSync("prlimit", [`--pid=${process.pid}`, `--as=${Number(kibibytes) * 1024 + bytes}:`]);
}

await start({ device: "cpu", threads: 1 });
const [large, middle, small] = [tf.zeros([length, 3 * width]), tf.ones([512, 3 * width]), tf.ones([256, 3 * width])];
const larger = tf.zeros([8 * length, 3 * width]); // 384 MiB
const expected = attention(small, 256).join();
attention(middle, 512);
// JavaScript collects garbage before it refuses an array, and ends the process when there is no room for that.
const requests: Record<string, { left: number; body: () => unknown }> = {
  read: { left: 96 << 20, body: () => larger.dataSync() },
  attention: { left: 8 << 20, body: () => attention(large, length) },
};
const { left, body } = requests[process.argv[2]!]!;
const kept: unknown[] = [];
let message = "no error";
// It may also give back so much that an array fits after all, but not one after the other.
while (message === "no error" && kept.length < 5) {
  leave(left);
  message = messageOf(() => kept.push(body()));
}
console.log(message);
if (attention(small, 256).join() !== expected) throw new Error("What came afterwards is wrong.");
