import type { FusedKernels, KernelContext } from "../context.ts";
import { float, maxChunks } from "../pool.ts";

/** Rows that share one partial sum over samples: fixed, so that rounding does not depend on threads. */
const sinkhornRows = 32;
const columnsPerChunk = 1024;

/** `kernel` over columns, from the partial results of `chunks` chunks of rows. */
function overColumns(context: KernelContext, kernel: string, width: number, slots: number[], rest: number[] = []): void {
  const size = Math.max(columnsPerChunk, 4 * Math.ceil(width / (4 * (maxChunks - 1))));
  context.pool.run(kernel, Math.ceil(width / size), [...slots, width, size, ...rest]);
}

export const prototypeKernels: FusedKernels = {
  PrototypeCrossEntropy(context, { student, teacher }, { temperature }) {
    const [rows, width] = student.shape as [number, number];
    const loss = context.output([rows]);
    const logSumExp = context.output([rows]);
    const mass = context.output([rows]);
    const pointers = [student, teacher, loss, logSumExp, mass].map((info) => context.at(info));
    context.rowwise("crossEntropy", rows, width, pointers, [float(1 / temperature)]);
    return [loss, logSumExp, mass];
  },

  PrototypeCrossEntropyGrad(context, { dy, student, teacher, logSumExp, mass }, { temperature }) {
    const [rows, width] = student.shape as [number, number];
    const dStudent = context.output([rows, width]);
    const pointers = [dy, student, teacher, logSumExp, mass, dStudent].map((info) => context.at(info));
    context.rowwise("crossEntropyGrad", rows, width, pointers, [float(1 / temperature)]);
    return [dStudent];
  },

  // Q = diag(u) E diag(v) all along: E is made once, an iteration reads it once, and the last one scales it.
  SinkhornKnopp(context, { logits }, { temperature, iterations }) {
    const [rows, width] = logits.shape as [number, number];
    const assignment = context.output([rows, width]);
    if (rows === 0) return [assignment];
    const e = context.at(assignment);
    const size = Math.max(sinkhornRows, Math.ceil(rows / maxChunks));
    const chunks = Math.ceil(rows / size);
    context.withFloats(chunks * width, (partial) =>
      context.withFloats(width, (v) => {
        context.pool.run("columnMaxima", chunks, [context.at(logits), partial, rows, width, size]);
        overColumns(context, "maximumOfPartials", width, [partial, v, chunks]);
        context.pool.run("sinkhornStart", chunks, [context.at(logits), v, e, partial, rows, width, size, float(1 / temperature)]);
        for (let i = 1; i <= iterations; i++) {
          overColumns(context, "reciprocalSums", width, [partial, v, chunks], [float(width)]);
          context.pool.run("sinkhornSweep", chunks, [e, v, i === iterations ? 0 : partial, rows, width, size, float(rows)]);
        }
      }),
    );
    return [assignment];
  },
};
