// Reductions over axes: [axes, whether they are kept]. JavaScript never passes an empty list of axes.
#include "../registry.h"

namespace {

struct Axes {
  explicit Axes(Call& call) : list(call.integers()), keep(call.flag()) {}
  std::vector<std::int64_t> list;
  bool keep;
};

/** Sums and products of int32 and bool are int32, modulo 2^32. */
at::Tensor inDtypeOf(const at::Tensor& result) { return result.scalar_type() == at::kLong ? result.to(at::kInt) : result; }

/** Applies a reduction over a single axis to each one of `axes`. */
template <typename Reduce>
at::Tensor oneByOne(at::Tensor x, const Axes& axes, Reduce reduce) {
  for (const std::int64_t axis : axes.list) x = reduce(x, axis);
  if (axes.keep) return x;
  std::vector<std::int64_t> sizes;
  for (std::int64_t axis = 0; axis < x.dim(); axis++) {
    if (std::find(axes.list.begin(), axes.list.end(), axis) == axes.list.end()) sizes.push_back(x.size(axis));
  }
  return x.view(sizes);
}

}  // namespace

KERNEL(Sum) {
  const Axes axes(call);
  call.output(inDtypeOf(at::sum(call.input(0), axes.list, axes.keep)));
}

KERNEL(Mean) {
  const Axes axes(call);
  call.output(at::mean(call.input(0), axes.list, axes.keep, at::kFloat));
}

KERNEL(Max) {
  const Axes axes(call);
  call.output(at::amax(call.input(0), axes.list, axes.keep));
}

KERNEL(Min) {
  const Axes axes(call);
  call.output(at::amin(call.input(0), axes.list, axes.keep));
}

KERNEL(Prod) {
  const Axes axes(call);
  call.output(inDtypeOf(oneByOne(call.input(0), axes, [](const auto& x, std::int64_t axis) { return at::prod(x, axis, true); })));
}

KERNEL(All) {
  const Axes axes(call);
  call.output(oneByOne(call.input(0), axes, [](const auto& x, std::int64_t axis) { return at::all(x, axis, true); }));
}

KERNEL(Any) {
  const Axes axes(call);
  call.output(oneByOne(call.input(0), axes, [](const auto& x, std::int64_t axis) { return at::any(x, axis, true); }));
}

namespace {

/** What has an order in LibTorch's ops: its bool has none. */
at::Tensor ordered(const at::Tensor& x) { return x.scalar_type() == at::kBool ? x.to(at::kByte) : x; }

}  // namespace

KERNEL(ArgMax) {
  const std::int64_t axis = call.integer();
  call.output(at::argmax(ordered(call.input(0)), axis).to(at::kInt));
}

KERNEL(ArgMin) {
  const std::int64_t axis = call.integer();
  call.output(at::argmin(ordered(call.input(0)), axis).to(at::kInt));
}
