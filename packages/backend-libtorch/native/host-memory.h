// The memory of tensors on the processor. A training step asks for the same large blocks again and again; from the C library
// each is mapped, zeroed page by page and unmapped. Here a block that was freed serves the next one, and stays mapped.
#pragma once

/** Makes this the allocator of LibTorch's tensors on the processor. Called once, when the addon loads. */
void keepHostMemory();
