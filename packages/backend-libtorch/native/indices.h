// Indices that came as an attribute, or as a tensor that may hold anything.
#pragma once

#include "libtorch.h"
#include "whole-numbers.h"

/** @throws std::out_of_range for an index that is not in [0, size) */
inline std::vector<std::int64_t> indicesBelow(std::int64_t size, std::vector<std::int64_t> indices) {
  for (const std::int64_t index : indices) {
    if (index < 0 || index >= size) throw std::out_of_range("the index " + std::to_string(index) + " is not in [0, " + std::to_string(size - 1) + "]");
  }
  return indices;
}

/** On the device of `beside`, for LibTorch's own ops. */
inline at::Tensor indexTensor(const std::vector<std::int64_t>& indices, const at::Tensor& beside) {
  return at::tensor(at::ArrayRef<std::int64_t>(indices), at::kLong).to(beside.device(), /*non_blocking=*/true);
}

/**
 * The indices as int64, on the device of `beside`. Checked before they are used: with one that is outside a GPU would stop for good.
 * @throws std::out_of_range for one that is not in [0, size)
 */
inline at::Tensor checkedIndices(const at::Tensor& indices, std::int64_t size, const at::Tensor& beside) {
  const auto places = (isWhole(indices) ? indices : wholeOf(indices)).to(beside.device(), at::kLong);
  if (places.numel() == 0) return places;
  const auto low = places.min().item<std::int64_t>();
  const auto high = places.max().item<std::int64_t>();
  if (low >= 0 && high < size) return places;
  throw std::out_of_range("the index " + std::to_string(low < 0 ? low : high) + " is not in [0, " + std::to_string(size - 1) + "]");
}
