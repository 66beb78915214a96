// Kernels that move elements and compute nothing; bfloat16 stays bfloat16.
#include "../indices.h"
#include "../registry.h"

KERNEL(Transpose) {
  const auto axes = call.integers();
  call.output(call.stored(0).permute(axes));
}

/** [sizes that the input is seen with, order of its axes, shape of the result]. */
KERNEL(Rearrange) {
  const auto sizes = call.integers();
  const auto axes = call.integers();
  const auto shape = call.integers();
  call.output(call.stored(0).view(sizes).permute(axes).reshape(shape));
}

KERNEL(Slice) {
  auto x = call.stored(0);
  const auto begin = call.integers(x.dim());
  const auto size = call.integers(x.dim());
  for (std::int64_t axis = 0; axis < x.dim(); axis++) {
    if (size[axis] != x.size(axis)) x = x.narrow(axis, begin[axis], size[axis]);
  }
  call.output(x);
}

/** [begin, sizes, strides]; a negative stride goes backwards, which a view of LibTorch cannot. */
KERNEL(StridedSlice) {
  auto x = call.stored(0);
  const auto begin = call.integers(x.dim());
  const auto size = call.integers(x.dim());
  const auto stride = call.integers(x.dim());
  std::vector<std::int64_t> backwards;
  for (std::int64_t axis = 0; axis < x.dim(); axis++) {
    const std::int64_t last = begin[axis] + (size[axis] - 1) * stride[axis];
    const std::int64_t low = std::min(begin[axis], last);
    if (size[axis] == 0) x = x.narrow(axis, 0, 0);
    else x = x.slice(axis, low, std::max(begin[axis], last) + 1, std::abs(stride[axis]));
    if (stride[axis] < 0) backwards.push_back(axis);
  }
  call.output(backwards.empty() ? x : at::flip(x, backwards));
}

KERNEL(Concat) {
  const std::int64_t axis = call.integer();
  std::vector<at::Tensor> parts;
  for (std::size_t i = 0; i < call.inputs(); i++) parts.push_back(call.stored(i));
  call.output(at::cat(parts, axis));
}

KERNEL(Pack) {
  const std::int64_t axis = call.integer();
  std::vector<at::Tensor> parts;
  for (std::size_t i = 0; i < call.inputs(); i++) parts.push_back(call.stored(i));
  call.output(at::stack(parts, axis));
}

KERNEL(SplitV) {
  const std::int64_t axis = call.integer();
  for (const auto& part : call.stored(0).split_with_sizes(call.integers(), axis)) call.output(part);
}

KERNEL(Unpack) {
  const std::int64_t axis = call.integer();
  for (const auto& part : call.stored(0).unbind(axis)) call.output(part);
}

KERNEL(Tile) {
  const auto repeats = call.integers();
  call.output(call.stored(0).repeat(repeats));
}

KERNEL(Reverse) {
  const auto axes = call.integers();
  call.output(at::flip(call.stored(0), axes));
}

/** Paddings [before, after] of each axis, and what they are filled with. (LibTorch's own refuses results without elements.) */
KERNEL(PadV2) {
  const auto& x = call.stored(0);
  const auto paddings = call.integers(2 * x.dim());
  const double value = call.number();
  auto sizes = x.sizes().vec();
  for (std::size_t axis = 0; axis < sizes.size(); axis++) sizes[axis] += paddings[2 * axis] + paddings[2 * axis + 1];
  const auto y = at::full(sizes, value, x.options());
  auto inside = y;
  for (std::int64_t axis = 0; axis < x.dim(); axis++) inside = inside.narrow(axis, paddings[2 * axis], x.size(axis));
  inside.copy_(x);
  call.output(y);
}

/** Paddings [before, after] of each axis; `offset` is 0 where the edge itself is not repeated (reflect), 1 where it is (symmetric). */
KERNEL(MirrorPad) {
  auto x = call.stored(0);
  const auto paddings = call.integers(2 * x.dim());
  const std::int64_t offset = call.integer();
  for (std::int64_t axis = 0; axis < x.dim(); axis++) {
    const std::int64_t before = paddings[2 * axis];
    const std::int64_t after = paddings[2 * axis + 1];
    if (before == 0 && after == 0) continue;
    const std::int64_t size = x.size(axis);
    const std::int64_t most = size - 1 + offset;
    if (std::min(before, after) < 0 || std::max(before, after) > most) {
      throw std::invalid_argument("the paddings of axis " + std::to_string(axis) + " are not in [0, " + std::to_string(most) + "]");
    }
    std::vector<std::int64_t> sources;
    for (std::int64_t at = -before; at < size + after; at++) {
      sources.push_back(at < 0 ? -at - offset : at >= size ? 2 * (size - 1) - at + offset : at);
    }
    x = at::index_select(x, axis, indexTensor(sources, x));
  }
  call.output(x);
}
