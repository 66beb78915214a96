// What a user may set for the whole process: where tensors live, how products are computed, on how many threads.
#pragma once

#include "libtorch.h"

struct Settings {
  at::Device device{at::kCPU};
  /** Products and attention round their operands to bfloat16; everything else stays in float32. */
  bool bf16 = false;
  /** False takes the definitions in LibTorch's own ops in place of our loops for the processor: for tests, and what a GPU runs. */
  bool processorLoops = true;
};

Settings& settings();

/** True when a kernel may run its own loops over the memory of `tensor`. */
inline bool onProcessor(const at::Tensor& tensor) { return settings().processorLoops && tensor.device().is_cpu(); }

/** Float32, or bfloat16 where that is the precision of products. */
inline at::ScalarType productType() { return settings().bf16 ? at::kBFloat16 : at::kFloat; }
