#include "product.h"

#include "loops.h"
#include "settings.h"

#if LIBTORCH_VERSION >= 20000
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#endif

namespace {

/**
 * x as products take it: float32, or rounded to bfloat16. On a processor without instructions for bfloat16 oneDNN refuses that type and
 * LibTorch's own loops for it are slow, and add up in it: there the rounded numbers are multiplied as float32, and the result is rounded.
 */
at::Tensor asOperand(const at::Tensor& x) {
  const auto rounded = x.to(productType());
  return x.device().is_cpu() && !settings().bfloat16Instructions ? rounded.to(at::kFloat) : rounded;
}

#if LIBTORCH_VERSION >= 20000
/**
 * x wᵀ + bias by oneDNN. LibTorch's own `at::mm` takes MKL in float32, which gives a processor that is not Intel's less than
 * half of its speed; oneDNN gives every processor all of it. It reads a transposed w as it is, and would copy a transposed x.
 */
at::Tensor linearByOneDnn(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias) {
  static const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_linear_pointwise", "");
  const auto optionalBias = bias.defined() ? c10::IValue(bias) : c10::IValue();
  torch::jit::Stack stack{x, w, optionalBias, "none", c10::List<std::optional<at::Scalar>>(), c10::IValue()};
  op.callBoxed(stack);
  return stack.front().toTensor();
}

/** yᵀ x, [R, M] by [R, N], as the gradient of a linear layer's weights: here oneDNN reads both as they are. */
at::Tensor transposedProductByOneDnn(const at::Tensor& y, const at::Tensor& x) {
  // The weights themselves are asked for nothing but their shape and type.
  const auto weights = at::empty({y.size(1), x.size(1)}, x.options());
  return std::get<0>(at::mkldnn_linear_backward_weights(y.to_mkldnn(), x.to_mkldnn(), weights, false));
}

bool isTransposed(const at::Tensor& x) { return !x.is_contiguous() && x.t().is_contiguous(); }

bool takesOneDnn(const at::Tensor& x, const at::Tensor& w) {
  static const bool present = at::hasMKLDNN() && c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""}).has_value();
  return present && x.device().is_cpu() && x.dim() == 2 && w.dim() == 2 && x.numel() > 0 && w.numel() > 0;
}
#endif

/** Adds `bias` to every row of y in place. */
void addBias(at::Tensor& y, const at::Tensor& bias) {
  if (!onProcessor(y)) {
    y.add_(bias);
    return;
  }
  const auto width = y.size(1);
  const float* b = bias.data_ptr<float>();
  withRoom(y, [&](auto* numbers) {
    overRows(y.size(0), width, [&](std::int64_t row) {
      auto* out = numbers + row * width;
      INDEPENDENT
      for (std::int64_t i = 0; i < width; i++) store(out + i, widened(out[i]) + b[i]);
    });
  });
}

}  // namespace

at::Tensor product(const at::Tensor& a, const at::Tensor& b) {
  const auto left = asOperand(a);
  const auto right = asOperand(b);
#if LIBTORCH_VERSION >= 20000
  // In bfloat16 LibTorch's own product is oneDNN's already.
  if (left.scalar_type() == at::kFloat && takesOneDnn(left, right)) {
    const auto y = isTransposed(left) && right.is_contiguous() ? transposedProductByOneDnn(left.t(), right) : linearByOneDnn(left, right.t(), {});
    return y.to(productType());
  }
#endif
  return at::matmul(left, right).to(productType());
}

at::Tensor linearProduct(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias) {
  const auto rows = asOperand(x);
  const auto weight = asOperand(w);
#if LIBTORCH_VERSION >= 20000
  if (takesOneDnn(rows, weight)) return linearByOneDnn(rows, weight, bias.defined() ? asOperand(bias) : bias).to(productType());
#endif
  // Not at::linear: it copies the bias to every row before the product starts.
  auto y = at::mm(rows, weight.t());
  if (bias.defined()) addBias(y, bias);
  return y.to(productType());
}
