// Elementwise arithmetic of two operands, with NumPy's broadcasting. Quotients and powers of whole numbers go through float64:
// in int32 a division by zero, or of the smallest number by -1, would stop the process.
#include "../registry.h"
#include "../whole-numbers.h"

KERNEL(Add) { call.output(at::add(call.operand(0), call.operand(1))); }
KERNEL(Sub) { call.output(at::sub(call.operand(0), call.operand(1))); }
KERNEL(Multiply) { call.output(at::mul(call.operand(0), call.operand(1))); }
KERNEL(Maximum) { call.output(at::maximum(call.input(0), call.input(1))); }
KERNEL(Minimum) { call.output(at::minimum(call.input(0), call.input(1))); }
KERNEL(Atan2) { call.output(inNumbersOf(call.operand(0), call.operand(1), [](const auto& a, const auto& b) { return at::atan2(a, b); })); }
KERNEL(Pow) { call.output(inNumbersOf(call.operand(0), call.operand(1), [](const auto& a, const auto& b) { return at::pow(a, b); })); }
KERNEL(RealDiv) { call.output(inNumbersOf(call.operand(0), call.operand(1), [](const auto& a, const auto& b) { return at::div(a, b); })); }

/** With the sign of the divisor. */
KERNEL(Mod) { call.output(inNumbersOf(call.operand(0), call.operand(1), [](const auto& a, const auto& b) { return at::remainder(a, b); })); }

/** int32, whatever came. */
KERNEL(FloorDiv) { call.output(wholeOf(at::div(call.operand(0).to(at::kDouble), call.operand(1).to(at::kDouble)).floor_())); }

KERNEL(SquaredDifference) {
  const auto difference = at::sub(call.operand(0), call.operand(1));
  call.output(at::mul(difference, difference));
}

KERNEL(BitwiseAnd) { call.output(at::bitwise_and(call.operand(0), call.operand(1))); }

KERNEL(Prelu) {
  const auto x = call.input(0).to(at::kFloat);
  call.output(at::where(at::lt(x, 0), at::mul(x, call.input(1)), x));
}

/** The gradient of Elu from its result. */
KERNEL(EluGrad) {
  const auto dy = call.input(0);
  const auto y = call.input(1);
  call.output(at::where(at::ge(y, 0), dy, at::mul(dy, at::add(y, 1))));
}
