// The exact GELU, which stands by itself and at the end of a linear layer.
#pragma once

#include "libtorch.h"

/** GELU of every number, stored in the type that it comes in. */
at::Tensor geluOf(const at::Tensor& x);
