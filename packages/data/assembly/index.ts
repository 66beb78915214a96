// The pixel work of the augmentation as WebAssembly with 128-bit SIMD: compiled by tools/build, committed as bytes in
// `src/augment/kernels.generated.ts`. No allocation and no state: the host (`src/augment/renderer.ts`) says where things lie.
//
// Pixels come in as packed R, G, B bytes; after resizing they are three planes of bytes ("planes" points to R; G and B
// follow at `stride`, a multiple of 16). Pointwise kernels work on whole strides. All may read 16 bytes past an end.

export { resizeRows, resizeColumns } from "./resize";
export { blend, grayscale, luminanceSum, saturate, solarize } from "./tone";
export { shiftHue } from "./hue";
export { blurPlane } from "./blur";
export { normalize } from "./normalize";
