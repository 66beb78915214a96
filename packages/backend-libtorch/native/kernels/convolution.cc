// Convolutions and their gradients. A filter comes as [H, W, inputs, outputs], of a depthwise one as [H, W, channels, multiplier].
#include "../activation.h"
#include "../registry.h"
#include "../window.h"

namespace {

/** Sees a filter as LibTorch does, [outputs, inputs of a group, H, W], and the other way round. */
struct Filter {
  bool depthwise;

  at::Tensor forLibtorch(const at::Tensor& filter) const {
    if (!depthwise) return filter.permute({3, 2, 0, 1});
    return filter.permute({2, 3, 0, 1}).reshape({filter.size(2) * filter.size(3), 1, filter.size(0), filter.size(1)});
  }

  at::Tensor back(const at::Tensor& weight, std::int64_t channels) const {
    if (!depthwise) return weight.permute({2, 3, 1, 0});
    return weight.reshape({channels, weight.size(0) / channels, weight.size(2), weight.size(3)}).permute({2, 3, 0, 1});
  }

  /** @throws std::invalid_argument for no groups, by whose number LibTorch 1.13 divides */
  std::int64_t groups(std::int64_t channels) const {
    if (depthwise && channels == 0) throw std::invalid_argument("an image of no channels");
    return depthwise ? channels : 1;
  }
};

at::Tensor convolution(const at::Tensor& x, const at::Tensor& filter, const at::Tensor& bias, Filter kind, const Window& window) {
  const auto image = window.channelsFirst(x);
  const auto weight = kind.forLibtorch(filter);
  const auto groups = kind.groups(image.size(1));
  if (window.isSymmetric()) {
    const std::vector<std::int64_t> around{window.padding[0], window.padding[2]};
    return window.back(at::conv2d(image, weight, bias, window.stride, around, window.dilation, groups));
  }
  return window.back(at::conv2d(window.padded(image, 0), weight, bias, window.stride, std::vector<std::int64_t>{0, 0}, window.dilation, groups));
}

void plain(Call& call, Filter kind) {
  const Window window(call);
  call.output(convolution(call.input(0), call.input(1), {}, kind, window));
}

/** Inputs x, filter, bias or none, weights of prelu or none. */
void fused(Call& call, Filter kind) {
  const Window window(call);
  const auto bias = call.has(2) ? call.input(2) : at::Tensor();
  const bool ofChannels = bias.defined() && bias.dim() == 1;
  auto y = convolution(call.input(0), call.input(1), ofChannels ? bias : at::Tensor(), kind, window);
  if (bias.defined() && !ofChannels) y = at::add(y, bias);
  call.output(activated(std::move(y), call, 3));
}

/** Gradients of the input [N, C, H, W], padded, and of the weight; those that `mask` names. */
std::tuple<at::Tensor, at::Tensor, at::Tensor> gradients(const at::Tensor& dy, const at::Tensor& padded, const at::Tensor& weight, std::int64_t groups,
                                                         const Window& window, std::array<bool, 3> mask) {
  const std::vector<std::int64_t> none{0, 0};
  return at::convolution_backward(dy, padded, weight, c10::nullopt, window.stride, none, window.dilation, false, none, groups, mask);
}

/** Inputs dy, filter; the shape of x follows the window. */
void inputGradient(Call& call, Filter kind) {
  const Window window(call);
  const auto shape = call.integers();
  const auto dy = window.channelsFirst(call.input(0));
  // Its values are not read.
  const auto padded = window.padded(window.channelsFirst(at::empty(shape, dy.options())), 0);
  const auto dx = std::get<0>(gradients(dy, padded, kind.forLibtorch(call.input(1)), kind.groups(padded.size(1)), window, {true, false, false}));
  call.output(window.back(window.withoutPadding(dx)));
}

/** Inputs x, dy; the shape of the filter follows the window. */
void filterGradient(Call& call, Filter kind) {
  const Window window(call);
  const auto shape = call.integers();
  const auto padded = window.padded(window.channelsFirst(call.input(0)), 0);
  const auto dy = window.channelsFirst(call.input(1));
  const auto weight = kind.forLibtorch(at::empty(shape, dy.options())).contiguous();
  const auto dw = std::get<1>(gradients(dy, padded, weight, kind.groups(padded.size(1)), window, {false, true, false}));
  call.output(kind.back(dw, padded.size(1)));
}

}  // namespace

KERNEL(Conv2D) { plain(call, {false}); }
KERNEL(FusedConv2D) { fused(call, {false}); }
KERNEL(Conv2DBackpropInput) { inputGradient(call, {false}); }
KERNEL(Conv2DBackpropFilter) { filterGradient(call, {false}); }
KERNEL(DepthwiseConv2dNative) { plain(call, {true}); }
KERNEL(FusedDepthwiseConv2D) { fused(call, {true}); }
KERNEL(DepthwiseConv2dNativeBackpropInput) { inputGradient(call, {true}); }
KERNEL(DepthwiseConv2dNativeBackpropFilter) { filterGradient(call, {true}); }
