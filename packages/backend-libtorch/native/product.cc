#include "product.h"

#include "settings.h"

#if LIBTORCH_VERSION >= 20000
#include <ATen/core/dispatch/Dispatcher.h>
#endif

namespace {

#if LIBTORCH_VERSION >= 20000
/**
 * x wᵀ by oneDNN. LibTorch's own `at::mm` takes MKL in float32, which gives a processor that is not Intel's less than half
 * of its speed; oneDNN gives every processor all of it, and reads transposed views as they are.
 */
at::Tensor linearByOneDnn(const at::Tensor& x, const at::Tensor& w) {
  static const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_linear_pointwise", "");
  torch::jit::Stack stack{x, w, c10::IValue(), "none", c10::List<std::optional<at::Scalar>>(), c10::IValue()};
  op.callBoxed(stack);
  return stack.front().toTensor();
}

bool takesOneDnn(const at::Tensor& a, const at::Tensor& b) {
  static const bool present = at::hasMKLDNN() && c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""}).has_value();
  return present && a.device().is_cpu() && a.scalar_type() == at::kFloat && a.dim() == 2 && b.dim() == 2 && a.numel() > 0 && b.numel() > 0;
}
#endif

}  // namespace

at::Tensor product(const at::Tensor& a, const at::Tensor& b) {
  const auto left = a.to(productType());
  const auto right = b.to(productType());
#if LIBTORCH_VERSION >= 20000
  if (takesOneDnn(left, right)) return linearByOneDnn(left, right.t());
#endif
  return at::matmul(left, right);
}
