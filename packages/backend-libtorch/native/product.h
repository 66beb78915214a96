// Products of matrices on the fastest road that this LibTorch offers, in the precision that the user chose.
#pragma once

#include "libtorch.h"

/**
 * a b, [..., M, K] by [..., K, N], in float32 or, where that is the precision of products, in bfloat16: then the result is
 * stored in bfloat16 as well. Operands may be transposed views; batch sizes must be equal or 1.
 */
at::Tensor product(const at::Tensor& a, const at::Tensor& b);
