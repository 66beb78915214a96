import type { FusedKernels } from "../context.ts";
import { rowsPerChunk } from "../context.ts";

const columnsPerChunk = 64;

export const gatherKernels: FusedKernels = {
  GatherRows(context, { x }, { indices }) {
    const width = x.shape[1]!;
    const y = context.output([indices.length, width]);
    const size = rowsPerChunk(indices.length, width);
    context.withIntegers(indices, (rows) => {
      const slots = [context.at(x), context.at(y), rows, indices.length, width, size];
      context.pool.run("gatherRows", Math.ceil(indices.length / size), slots);
    });
    return [y];
  },

  GatherRowsGrad(context, { dy }, { indices, rows }) {
    const width = dy.shape[1]!;
    const dx = context.output([rows, width]);
    const size = Math.max(columnsPerChunk, 4 * Math.ceil(width / 4096));
    context.withIntegers(indices, (taken) => {
      const slots = [context.at(dy), context.at(dx), taken, indices.length, width, size, rows];
      context.pool.run("scatterRows", Math.ceil(width / size), slots);
    });
    return [dx];
  },
};
