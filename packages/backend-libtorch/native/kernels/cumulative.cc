// Sums and products along an axis: [axis, exclusive, reverse].
#include "../registry.h"

namespace {

/** Runs `accumulate` from the end when `reverse`; when `exclusive`, without the element itself, beginning with `start`. */
template <typename Accumulate>
at::Tensor alongAxis(Call& call, double start, Accumulate accumulate) {
  const std::int64_t axis = call.integer();
  const bool exclusive = call.flag();
  const bool reverse = call.flag();
  auto x = call.input(0);
  if (reverse) x = at::flip(x, {axis});
  auto y = accumulate(x, axis);
  if (y.scalar_type() == at::kLong) y = y.to(at::kInt);
  if (exclusive && x.size(axis) > 0) {
    const auto first = at::full_like(y.narrow(axis, 0, 1), start);
    y = at::cat({first, y.narrow(axis, 0, x.size(axis) - 1)}, axis);
  }
  return reverse ? at::flip(y, {axis}) : y;
}

}  // namespace

KERNEL(Cumsum) {
  call.output(alongAxis(call, 0, [](const auto& x, std::int64_t axis) { return at::cumsum(x, axis); }));
}

KERNEL(Cumprod) {
  call.output(alongAxis(call, 1, [](const auto& x, std::int64_t axis) { return at::cumprod(x, axis); }));
}
