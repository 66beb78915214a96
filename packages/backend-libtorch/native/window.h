// How a window moves over an image: what convolutions and pooling have in common. TF.js keeps images as [N, H, W, C], LibTorch
// sees the same memory as [N, C, H, W] with channels last.
#pragma once

#include "call.h"

struct Window {
  /** Reads [strides, dilations, rows above, rows below, columns before, columns after, whether channels are last]. */
  explicit Window(Call& call)
      : stride(call.integers(2)), dilation(call.integers(2)), padding(call.integers(4)), channelsLast(call.flag()) {}

  std::vector<std::int64_t> stride;
  std::vector<std::int64_t> dilation;
  /** A negative one leaves rows or columns out that no window reaches. */
  std::vector<std::int64_t> padding;
  bool channelsLast;

  bool hasPadding() const { return padding != std::vector<std::int64_t>(4, 0); }

  /** As LibTorch's convolutions can do it themselves. */
  bool isSymmetric() const { return padding[0] == padding[1] && padding[2] == padding[3] && padding[0] >= 0 && padding[2] >= 0; }

  at::Tensor channelsFirst(const at::Tensor& image) const { return channelsLast ? image.permute({0, 3, 1, 2}) : image; }
  at::Tensor back(const at::Tensor& image) const { return channelsLast ? image.permute({0, 2, 3, 1}) : image; }

  /** `image` [N, C, H, W] with its padding around it. */
  at::Tensor padded(const at::Tensor& image, double value) const {
    return hasPadding() ? at::constant_pad_nd(image, {padding[2], padding[3], padding[0], padding[1]}, value) : image;
  }
  at::Tensor withoutPadding(const at::Tensor& image) const {
    return hasPadding() ? at::constant_pad_nd(image, {-padding[2], -padding[3], -padding[0], -padding[1]}, 0) : image;
  }
};
