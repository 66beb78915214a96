// Indices that came as an attribute, as a tensor.
#pragma once

#include "libtorch.h"

/** On the device of `beside`, for LibTorch's own ops. */
inline at::Tensor indexTensor(const std::vector<std::int64_t>& indices, const at::Tensor& beside) {
  return at::tensor(at::ArrayRef<std::int64_t>(indices), at::kLong).to(beside.device());
}
