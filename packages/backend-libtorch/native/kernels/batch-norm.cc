// Batch normalisation by given statistics, which broadcast against x [..., C].
#include "../registry.h"

/** Inputs x, mean, variance, offset or none, scale or none. */
KERNEL(FusedBatchNorm) {
  const double epsilon = call.number();
  auto factor = at::rsqrt(at::add(call.input(2), epsilon));
  if (call.has(4)) factor = at::mul(factor, call.input(4));
  auto y = at::sub(call.input(0), call.input(1)).mul_(factor);
  call.output(call.has(3) ? at::add(y, call.input(3)) : y);
}
