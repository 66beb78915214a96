// Kernels that give the memory of their input another shape, and copy nothing.
import { tf } from "@dinov2/tensor";
import { type KernelBodies, type KernelBody } from "./kernel.ts";

const identity: KernelBody = (backend, { x }) => backend.share(x!, [...x!.shape]);

export const shapeKernels: KernelBodies = {
  Identity: identity,
  Reshape: (backend, { x }, { shape }) => {
    const size = tf.util.sizeFromShape(x!.shape);
    const wanted = tf.util.inferFromImplicitShape(shape as number[], size);
    tf.util.assert(size === tf.util.sizeFromShape(wanted), () => `Reshape: [${x!.shape}] has ${size} elements, [${wanted}] has not.`);
    return backend.share(x!, wanted);
  },
  ExpandDims: (backend, { input }, { dim }) => {
    const shape = [...input!.shape];
    const axis = dim as number;
    shape.splice(axis < 0 ? axis + shape.length + 1 : axis, 0, 1);
    return backend.share(input!, shape);
  },
};
