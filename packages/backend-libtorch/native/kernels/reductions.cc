// Reductions over axes: [axes, whether they are kept]. JavaScript never passes an empty list of axes.
#include "../loops.h"
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

/** Whether a sum of float32 over `axes` is one number, which LibTorch would cut by the number of threads. */
bool isTotal(const at::Tensor& x, const Axes& axes) {
  std::int64_t sums = 1;
  for (std::int64_t axis = 0; axis < x.dim(); axis++) {
    if (std::find(axes.list.begin(), axes.list.end(), axis) == axes.list.end()) sums *= x.size(axis);
  }
  return sums == 1 && onProcessor(x) && x.scalar_type() == at::kFloat;
}

/** The sum of all elements, times `factor`. */
at::Tensor total(const at::Tensor& x, const Axes& axes, double factor) {
  const std::int64_t count = x.numel();
  std::vector<double> parts(chunksOf(count, kElementsPerChunk));
  const float* numbers = x.data_ptr<float>();
  at::parallel_for(0, static_cast<std::int64_t>(parts.size()), kElementsPerThread / kElementsPerChunk, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t part = first; part < last; part++) {
      const std::int64_t begin = part * kElementsPerChunk;
      parts[part] = sumOf(std::min(kElementsPerChunk, count - begin), [=](std::int64_t i) { return numbers[begin + i]; });
    }
  });
  double sum = 0;
  for (const double part : parts) sum += part;
  const auto shape = axes.keep ? std::vector<std::int64_t>(x.dim(), 1) : std::vector<std::int64_t>(x.dim() - axes.list.size(), 1);
  return at::full(shape, sum * factor, x.options());
}

}  // namespace

KERNEL(Sum) {
  const Axes axes(call);
  const auto x = call.input(0);
  call.output(isTotal(x, axes) ? total(x, axes, 1) : inDtypeOf(at::sum(x, axes.list, axes.keep)));
}

KERNEL(Mean) {
  const Axes axes(call);
  const auto x = call.input(0);
  call.output(isTotal(x, axes) ? total(x, axes, 1 / static_cast<double>(x.numel())) : at::mean(x, axes.list, axes.keep, at::kFloat));
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
