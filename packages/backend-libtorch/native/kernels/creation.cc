// Tensors out of nothing.
#include "../registry.h"

namespace {

at::TensorOptions optionsOf(at::ScalarType type) { return at::TensorOptions(settings().device).dtype(type); }

}  // namespace

KERNEL(Fill) {
  const auto shape = call.integers();
  const double value = call.number();
  call.output(at::full(shape, value, optionsOf(call.dtype())));
}

/** [start, step, how many, dtype]. */
KERNEL(Range) {
  const double start = call.number();
  const double step = call.number();
  const std::int64_t count = call.integer();
  const auto places = at::arange(count, optionsOf(at::kDouble));
  call.output(places.mul_(step).add_(start).to(call.dtype()));
}

KERNEL(LinSpace) {
  const double start = call.number();
  const double stop = call.number();
  const std::int64_t count = call.integer();
  call.output(at::linspace(start, stop, count, optionsOf(at::kFloat)));
}
