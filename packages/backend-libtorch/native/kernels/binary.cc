// Elementwise ops of two operands, with NumPy's broadcasting.
#include "../registry.h"

KERNEL(Add) { call.output(at::add(call.operand(0), call.operand(1))); }
KERNEL(Sub) { call.output(at::sub(call.operand(0), call.operand(1))); }
KERNEL(Multiply) { call.output(at::mul(call.operand(0), call.operand(1))); }
