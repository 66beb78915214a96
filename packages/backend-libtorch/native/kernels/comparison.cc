// Comparisons and logic: what they give is bool.
#include "../registry.h"

KERNEL(Equal) { call.output(at::eq(call.operand(0), call.operand(1))); }
KERNEL(NotEqual) { call.output(at::ne(call.operand(0), call.operand(1))); }
KERNEL(Greater) { call.output(at::gt(call.operand(0), call.operand(1))); }
KERNEL(GreaterEqual) { call.output(at::ge(call.operand(0), call.operand(1))); }
KERNEL(Less) { call.output(at::lt(call.operand(0), call.operand(1))); }
KERNEL(LessEqual) { call.output(at::le(call.operand(0), call.operand(1))); }
KERNEL(LogicalAnd) { call.output(at::logical_and(call.input(0), call.input(1))); }
KERNEL(LogicalOr) { call.output(at::logical_or(call.input(0), call.input(1))); }
KERNEL(LogicalNot) { call.output(at::logical_not(call.input(0))); }
KERNEL(IsNan) { call.output(at::isnan(call.input(0))); }
KERNEL(IsInf) { call.output(at::isinf(call.input(0))); }
KERNEL(IsFinite) { call.output(at::isfinite(call.input(0))); }
