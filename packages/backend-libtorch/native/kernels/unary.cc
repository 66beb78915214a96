// Elementwise functions of one operand. A whole number is computed with in float64 and truncated, as TF.js does.
#include <limits>

#include "../registry.h"
#include "../whole-numbers.h"

#define UNARY(Name, function) \
  KERNEL(Name) { call.output(inNumbersOf(call.input(0), [](const at::Tensor& x) { return function(x); })); }

UNARY(Acos, at::acos)
UNARY(Acosh, at::acosh)
UNARY(Asin, at::asin)
UNARY(Asinh, at::asinh)
UNARY(Atan, at::atan)
UNARY(Atanh, at::atanh)
UNARY(Ceil, at::ceil)
UNARY(Cos, at::cos)
UNARY(Cosh, at::cosh)
UNARY(Elu, at::elu)
UNARY(Erf, at::erf)
UNARY(Expm1, at::expm1)
UNARY(Floor, at::floor)
UNARY(Log, at::log)
UNARY(Log1p, at::log1p)
UNARY(Reciprocal, at::reciprocal)
UNARY(Relu6, at::relu6)
UNARY(Round, at::round)
UNARY(Rsqrt, at::rsqrt)
UNARY(Selu, at::selu)
UNARY(Sigmoid, at::sigmoid)
UNARY(Sin, at::sin)
UNARY(Sinh, at::sinh)
UNARY(Softplus, at::softplus)
UNARY(Sqrt, at::sqrt)
UNARY(Tan, at::tan)
UNARY(Tanh, at::tanh)

KERNEL(Abs) { call.output(at::abs(call.input(0))); }
KERNEL(Neg) { call.output(at::neg(call.input(0))); }
KERNEL(Relu) { call.output(at::relu(call.input(0))); }
KERNEL(Sign) { call.output(at::sign(call.input(0))); }

KERNEL(Square) {
  const auto x = call.input(0);
  call.output(at::mul(x, x));
}

/** float32, also of whole numbers. */
KERNEL(Exp) { call.output(at::exp(call.input(0).to(at::kFloat))); }

KERNEL(LeakyRelu) {
  const double alpha = call.number();
  call.output(at::leaky_relu(call.input(0).to(at::kFloat), alpha));
}

KERNEL(ClipByValue) {
  const double low = call.number();
  const double high = call.number();
  call.output(inNumbersOf(call.input(0), [=](const at::Tensor& x) { return at::clamp(x, low, high); }));
}

/** 1 above zero and `alpha` below; NaN stays. */
KERNEL(Step) {
  const double alpha = call.number();
  call.output(inNumbersOf(call.input(0), [=](const at::Tensor& x) {
    const auto step = at::full_like(x, alpha).masked_fill_(at::gt(x, 0), 1.0);
    return step.masked_fill_(at::isnan(x), std::numeric_limits<double>::quiet_NaN());
  }));
}
