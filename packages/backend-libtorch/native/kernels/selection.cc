// Choosing between tensors, adding up many, and changing a dtype.
#include "../loops.h"
#include "../registry.h"
#include "../whole-numbers.h"

namespace {

/** Three tensors of one shape; LibTorch's own loop over them does not use the processor's vectors. */
at::Tensor chosen(const at::Tensor& condition, const at::Tensor& t, const at::Tensor& e) {
  const auto result = at::empty_like(t);
  const bool* choices = condition.data_ptr<bool>();
  const float* ts = t.data_ptr<float>();
  const float* es = e.data_ptr<float>();
  float* to = result.data_ptr<float>();
  overElements(t.numel(), [=](std::int64_t begin, std::int64_t end) {
    INDEPENDENT
    for (std::int64_t i = begin; i < end; i++) to[i] = choices[i] ? ts[i] : es[i];
  });
  return result;
}

/** As wholeOf, in one pass. */
at::Tensor truncated(const at::Tensor& x) {
  const auto result = at::empty(x.sizes(), x.options().dtype(at::kInt));
  const float* from = x.data_ptr<float>();
  std::int32_t* to = result.data_ptr<std::int32_t>();
  overElements(x.numel(), [=](std::int64_t begin, std::int64_t end) {
    INDEPENDENT
    for (std::int64_t i = begin; i < end; i++) {
      // From 2^63 on the low 32 bits are zeros; what is not a number fails the comparison too.
      const float number = std::abs(from[i]) < 0x1p63f ? from[i] : 0.0f;
      to[i] = static_cast<std::int32_t>(static_cast<std::int64_t>(number));
    }
  });
  return result;
}

}  // namespace

/** A condition of rank 1 chooses whole rows. */
KERNEL(Select) {
  const auto t = call.input(1);
  const auto e = call.input(2);
  auto condition = call.input(0).to(at::kBool);
  if (condition.dim() == 1 && t.dim() > 1) {
    std::vector<std::int64_t> sizes(t.dim(), 1);
    sizes[0] = condition.size(0);
    condition = condition.view(sizes);
  }
  const auto type = at::promote_types(t.scalar_type(), e.scalar_type());
  const bool alike = type == t.scalar_type() && type == e.scalar_type() && condition.sizes() == t.sizes() && condition.sizes() == e.sizes();
  if (alike && type == at::kFloat && onProcessor(t)) return call.output(chosen(condition, t, e));
  call.output(at::where(condition, t.to(type), e.to(type)));
}

KERNEL(AddN) {
  auto sum = call.input(0);
  for (std::size_t i = 1; i < call.inputs(); i++) sum = i == 1 ? at::add(sum, call.input(i)) : sum.add_(call.input(i));
  call.output(sum);
}

KERNEL(Cast) {
  const auto type = call.dtype();
  const auto x = call.input(0);
  if (type != at::kInt || isWhole(x)) return call.output(x.to(type));
  call.output(onProcessor(x) ? truncated(x) : wholeOf(x));
}
