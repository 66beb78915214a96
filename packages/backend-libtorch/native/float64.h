// Float64 where the store has none: a number is two words of int32, along a last axis of 2.
#pragma once

#include "call.h"

/** Input `i` as float64 of `rank` axes. @throws std::invalid_argument where it is none */
inline at::Tensor float64Input(const Call& call, std::size_t i, std::int64_t rank) {
  const at::Tensor& words = call.stored(i);
  const bool fits = words.scalar_type() == at::kInt && words.dim() == rank + 1 && words.size(rank) == 2 && words.numel() > 0;
  if (!fits) throw std::invalid_argument("input " + std::to_string(i) + " was expected to be float64 of rank " + std::to_string(rank) + ", as pairs of int32");
  return words.view(at::kDouble).squeeze(-1);
}

inline void float64Output(Call& call, const at::Tensor& values) { call.output(values.contiguous().unsqueeze(-1).view(at::kInt)); }

inline void expectSize(const at::Tensor& tensor, std::int64_t axis, std::int64_t size) {
  if (tensor.size(axis) == size) return;
  throw std::invalid_argument("a size of " + std::to_string(size) + " was expected, " + std::to_string(tensor.size(axis)) + " came");
}
