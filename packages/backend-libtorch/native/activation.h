// The activations that TF.js fuses with products and convolutions.
#pragma once

#include "call.h"

/** Its place in `activations` of src/kernels/activation.ts. */
enum class Activation : int { linear = 0, relu, relu6, prelu, leakyrelu, elu, sigmoid };

/** The activation of y that the next two attributes say: [which, alpha of leakyrelu]. Weights of prelu are input `preluInput`. */
at::Tensor activated(at::Tensor y, Call& call, std::size_t preluInput);
