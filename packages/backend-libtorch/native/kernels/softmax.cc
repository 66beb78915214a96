// Softmax along an axis.
#include "../registry.h"

KERNEL(Softmax) {
  const std::int64_t axis = call.integer();
  call.output(at::softmax(call.input(0), axis, at::kFloat));
}
