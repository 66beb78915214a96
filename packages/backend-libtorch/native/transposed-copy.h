// A matrix turned over, in memory of its own.
#pragma once

#include "tile-packing.h"

/** xᵀ, [R, C] to [C, R], of contiguous float32 with at least one row: squares of whole vectors are turned in registers, each read and written once. */
inline at::Tensor transposedCopy(const at::Tensor& x) {
  const auto rows = x.size(0);
  const auto columns = x.size(1);
  const auto result = at::empty({columns, rows}, x.options());
  const float* from = x.data_ptr<float>();
  float* to = result.data_ptr<float>();
  const auto evenRows = rows - rows % kLanes;
  const auto oneByOne = [&](std::int64_t firstRow, std::int64_t first, std::int64_t last) {
    for (std::int64_t column = first; column < last; column++) {
      for (std::int64_t row = firstRow; row < rows; row++) to[column * rows + row] = from[row * columns + column];
    }
  };
  // By strips of columns, which are rows of the result: threads write apart from each other.
  overRows(chunksOf(columns, kLanes), kLanes * rows, [&](std::int64_t strip) {
    const auto first = strip * kLanes;
    if (first + kLanes > columns) return oneByOne(0, first, columns);
    for (std::int64_t row = 0; row < evenRows; row += kLanes) {
      Vector square[kLanes];
      for (std::int64_t i = 0; i < kLanes; i++) square[i] = loadVector(from + (row + i) * columns + first);
      transposeVectors(square);
      for (std::int64_t i = 0; i < kLanes; i++) storeVector(to + (first + i) * rows + row, square[i]);
    }
    oneByOne(evenRows, first, first + kLanes);
  });
  return result;
}
