// Run by kernels/fused.test.ts in a process of its own: prints by how much three kernels over [400, 65536] raise the peak of
// the process' memory, in multiples of such a tensor's bytes.
import { tf, type Tensor } from "@dinov2/tensor";
import { start } from "../index.ts";
import { peakBytes } from "./peak-bytes.ts";

const [rows, prototypes] = [400, 65_536];

function peakOf(kernel: string, inputs: Record<string, Tensor>, attributes: object): number {
  return peakBytes(() => tf.dispose(tf.engine().runKernel(kernel, inputs, attributes as tf.NamedAttrMap))) / (4 * rows * prototypes);
}

await start({ device: "cpu" });
const row = () => tf.ones([rows]);
const [student, teacher] = [tf.fill([rows, prototypes], 0.5), tf.fill([rows, prototypes], 1 / prototypes)];
const held = tf.clone(student); // Otherwise the gradient is written over it.
const temperature = 0.1;
const loss = peakOf("PrototypeCrossEntropy", { student, teacher }, { temperature });
const gradient = peakOf("PrototypeCrossEntropyGrad", { dy: row(), student, teacher, logSumExp: row(), mass: row() }, { temperature });
// What the gradient took is free, and stays with the process: it is taken again here, so that the next peak starts from all of it.
const taken = tf.fill([rows, prototypes], 0);
const assignment = peakOf("SinkhornKnopp", { logits: student }, { temperature, iterations: 3 });
tf.dispose([held, taken]);
console.log(JSON.stringify({ loss, gradient, assignment }));
