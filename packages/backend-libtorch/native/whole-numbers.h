// Whole numbers as JavaScript has them: a kernel on int32 computes in float64, and keeps the low 32 bits of what comes out.
#pragma once

#include "libtorch.h"

inline bool isWhole(const at::Tensor& tensor) { return !tensor.is_floating_point(); }

/** int32 as a typed array takes it: without what is after the point, 0 for what is not finite, modulo 2^32. */
inline at::Tensor wholeOf(const at::Tensor& x) { return at::nan_to_num(x, 0.0, 0.0, 0.0).to(at::kLong).to(at::kInt); }

/** op(x), in float64 and truncated where x is whole. */
template <typename Op>
at::Tensor inNumbersOf(const at::Tensor& x, Op op) {
  return isWhole(x) ? wholeOf(op(x.to(at::kDouble))) : op(x);
}

/** op(a, b), in float64 and truncated where both are whole. */
template <typename Op>
at::Tensor inNumbersOf(const at::Tensor& a, const at::Tensor& b, Op op) {
  return isWhole(a) && isWhole(b) ? wholeOf(op(a.to(at::kDouble), b.to(at::kDouble))) : op(a, b);
}
