// How a kernel gets its numbers. Every exported kernel is called as kernel(arguments, chunk, scratch):
// a block of 4-byte slots that all threads read, the number of the piece of work, and memory of the
// calling thread alone. Sizes count elements, pointers are byte addresses.

// @ts-ignore: decorator
@inline
export function pointerAt(block: usize, slot: i32): usize {
  return load<u32>(block + (slot << 2));
}

// @ts-ignore: decorator
@inline
export function integerAt(block: usize, slot: i32): i32 {
  return load<i32>(block + (slot << 2));
}

// @ts-ignore: decorator
@inline
export function floatAt(block: usize, slot: i32): f32 {
  return load<f32>(block + (slot << 2));
}

/** The address of element `index` of a float array. */
// @ts-ignore: decorator
@inline
export function element(base: usize, index: i32): usize {
  return base + (<usize>index << 2);
}
