// Run by kernels/attention.test.ts in a process of its own: prints by how much attention over two packed sequences of 1370
// tokens raises the peak of the process' memory, forward and backward, in multiples of the T×T scores of one head.
import { tf, type Tensor } from "@dinov2/tensor";
import { start } from "../index.ts";
import { peakBytes } from "./peak-bytes.ts";

const [count, length, heads, width] = [2, 1370, 16, 64];
const tokens = count * length;
const attributes = { segments: [{ count, length }], heads } as unknown as tf.NamedAttrMap;
const run = (kernel: string, inputs: tf.NamedTensorMap) => [tf.engine().runKernel(kernel, inputs, attributes)].flat() as Tensor[];

await start({ device: "cpu", threads: 2, processorLoops: process.argv[2] !== "libtorch" });
const [qkv, dy] = [tf.fill([tokens, 3 * heads * width], 0.1), tf.fill([tokens, heads * width], 0.1)];
let saved: Tensor[] = [];
const forward = peakBytes(() => (saved = run("BlockDiagonalAttention", { qkv })));
const backward = peakBytes(() => run("BlockDiagonalAttentionGrad", { dy, qkv, output: saved[0]!, logSumExp: saved[1]! }));
const scores = 4 * tokens ** 2;
console.log(JSON.stringify({ forward: forward / scores, backward: backward / scores }));
