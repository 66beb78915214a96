// Pooling and its gradients: [sizes of the window, how it moves]. What lies outside of the image does not count.
#include <limits>

#include "../registry.h"
#include "../whole-numbers.h"
#include "../window.h"

namespace {

const std::vector<std::int64_t> kNone{0, 0};

at::Tensor sumPool(const at::Tensor& image, const std::vector<std::int64_t>& size, const Window& window) {
  return at::avg_pool2d(image, size, window.stride, kNone, false, true, 1);
}

/** How many elements of the image lie in each window: [1, 1, rows, columns]. */
at::Tensor counts(const at::Tensor& image, const std::vector<std::int64_t>& size, const Window& window) {
  return sumPool(window.padded(at::ones({1, 1, image.size(2), image.size(3)}, image.options()), 0), size, window);
}

constexpr double kLowest = -std::numeric_limits<double>::infinity();

}  // namespace

KERNEL(MaxPool) {
  const auto size = call.integers(2);
  const Window window(call);
  const auto x = call.input(0);
  const auto image = window.padded(window.channelsFirst(isWhole(x) ? x.to(at::kDouble) : x), kLowest);
  call.output(window.back(at::max_pool2d(image, size, window.stride, kNone, window.dilation)).to(x.scalar_type()));
}

/** Inputs dy, x. The gradient goes to the first largest element of each window. */
KERNEL(MaxPoolGrad) {
  const auto size = call.integers(2);
  const Window window(call);
  const auto dy = window.channelsFirst(call.input(0));
  const auto image = window.padded(window.channelsFirst(call.input(1).to(at::kFloat)), kLowest);
  const auto places = std::get<1>(at::max_pool2d_with_indices(image, size, window.stride, kNone, window.dilation));
  const auto dx = at::max_pool2d_with_indices_backward(dy, image, size, window.stride, kNone, window.dilation, false, places);
  call.output(window.back(window.withoutPadding(dx)));
}

KERNEL(AvgPool) {
  const auto size = call.integers(2);
  const Window window(call);
  const auto image = window.channelsFirst(call.input(0).to(at::kFloat));
  call.output(window.back(sumPool(window.padded(image, 0), size, window).div_(counts(image, size, window))));
}

/** Inputs dy, x. */
KERNEL(AvgPoolGrad) {
  const auto size = call.integers(2);
  const Window window(call);
  const auto image = window.channelsFirst(call.input(1).to(at::kFloat));
  const auto share = at::div(window.channelsFirst(call.input(0)), counts(image, size, window));
  const auto dx = at::avg_pool2d_backward(share, window.padded(image, 0), size, window.stride, kNone, false, true, 1);
  call.output(window.back(window.withoutPadding(dx)));
}
