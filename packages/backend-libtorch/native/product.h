// Products of matrices on the fastest road that this LibTorch offers, in the precision that the user chose: float32, or
// bfloat16 with the result stored in bfloat16 as well.
#pragma once

#include "libtorch.h"

/** a b, [..., M, K] by [..., K, N]. Operands may be transposed views; batch sizes must be equal or 1. */
at::Tensor product(const at::Tensor& a, const at::Tensor& b);

/** x wᵀ + bias, [M, K] by [N, K]; `bias` [N] may be undefined. */
at::Tensor linearProduct(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias);
