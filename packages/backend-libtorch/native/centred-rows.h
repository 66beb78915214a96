// Rows less their mean in float64, a part at a time, for LibTorch's own ops.
#pragma once

#include "libtorch.h"

/** Rows of a part. */
constexpr std::int64_t kPartRows = 4096;

/** body(first, rows [n, D + 1]) for parts of x [N, D] less `mean` [D], with a last column of ones. */
template <typename Body>
void overCentredRows(const at::Tensor& x, const at::Tensor& mean, Body body) {
  for (std::int64_t first = 0; first < x.size(0); first += kPartRows) {
    const auto some = x.narrow(0, first, std::min(kPartRows, x.size(0) - first));
    body(first, at::constant_pad_nd(at::sub(some.to(at::kDouble), mean), {0, 1}, 1));
  }
}
