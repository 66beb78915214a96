// What a user may set for the whole process: where tensors live, how products are computed, on how many threads.
#pragma once

#include "libtorch.h"

/** Whether every processor that this build runs on multiplies bfloat16 itself. */
#if defined(__AVX512BF16__) || defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
constexpr bool kBfloat16Instructions = true;
#else
constexpr bool kBfloat16Instructions = false;
#endif

struct Settings {
  at::Device device{at::kCPU};
  /** Products and attention round their operands to bfloat16; everything else stays in float32. */
  bool bf16 = false;
  /** False multiplies what was rounded to bfloat16 in float32 on the processor, as one without instructions for it has to. */
  bool bfloat16Instructions = kBfloat16Instructions;
  /** False takes the definitions in LibTorch's own ops in place of our loops for the processor: for tests, and what a GPU runs. */
  bool processorLoops = true;
};

Settings& settings();

/** True when a kernel may run its own loops over the memory of `tensor`. */
inline bool onProcessor(const at::Tensor& tensor) { return settings().processorLoops && tensor.device().is_cpu(); }

/** Float32, or bfloat16 where that is the precision of products. */
inline at::ScalarType productType() { return settings().bf16 ? at::kBFloat16 : at::kFloat; }
