#include "product.h"

#include "loops.h"
#include "settings.h"
#include "transposed-copy.h"

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
 * Whether oneDNN multiplies faster than LibTorch's own `at::mm`, which takes MKL in float32: that gives a processor of AVX2 all of its
 * speed (oneDNN 0.6 to 0.9 of it), and one of AVX-512 that is not Intel's less than half.
 */
bool prefersOneDnn() {
#if defined(__x86_64__)
  return !at::hasMKL() || __builtin_cpu_supports("avx512f");
#else
  return true;
#endif
}

/** x wᵀ + bias by oneDNN, which reads a transposed w as it is, and would copy a transposed x. */
at::Tensor linearByOneDnn(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias) {
  static const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_linear_pointwise", "");
  const auto optionalBias = bias.defined() ? c10::IValue(bias) : c10::IValue();
  torch::jit::Stack stack{x, w, optionalBias, "none", c10::List<std::optional<at::Scalar>>(), c10::IValue()};
  op.callBoxed(stack);
  return stack.front().toTensor();
}

/**
 * yᵀ x, [R, M] by [R, N], as the gradient of a linear layer's weights. What oneDNN reads as x of `linearByOneDnn` has to be contiguous, so
 * the narrower of the two is copied; its own product for this gradient, as LibTorch calls it, copies both of them and the result.
 */
at::Tensor transposedProductByOneDnn(const at::Tensor& y, const at::Tensor& x) {
  if (y.size(1) <= x.size(1)) return linearByOneDnn(transposedCopy(y), x.t(), {});
  return transposedCopy(linearByOneDnn(transposedCopy(x), y.t(), {}));
}

bool isTransposed(const at::Tensor& x) { return !x.is_contiguous() && x.t().is_contiguous(); }

bool takesOneDnn(const at::Tensor& x, const at::Tensor& w) {
  static const bool present = at::hasMKLDNN() && c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""}).has_value();
  static const bool preferred = prefersOneDnn();
  return present && preferred && x.device().is_cpu() && x.dim() == 2 && w.dim() == 2 && x.numel() > 0 && w.numel() > 0;
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

/** a b of operands as they are. */
at::Tensor multiplied(const at::Tensor& a, const at::Tensor& b) {
#if LIBTORCH_VERSION >= 20000
  // In bfloat16 LibTorch's own product is oneDNN's already.
  if (a.scalar_type() == at::kFloat && takesOneDnn(a, b)) {
    return isTransposed(a) && b.is_contiguous() ? transposedProductByOneDnn(a.t(), b) : linearByOneDnn(a, b.t(), {});
  }
#endif
  return at::matmul(a, b);
}

/** x wᵀ + bias of operands as they are. */
at::Tensor multipliedWithBias(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias) {
#if LIBTORCH_VERSION >= 20000
  if (takesOneDnn(x, w)) return linearByOneDnn(x, w, bias.defined() ? asOperand(bias) : bias);
  // MKL adds its sums to a bias that was copied to every row, at the price of the product alone.
  if (bias.defined() && x.device().is_cpu() && x.scalar_type() == at::kFloat) return at::addmm(bias, x, w.t());
#endif
  // Not so with OpenBLAS, where that copy costs more than a loop over the product.
  auto y = at::mm(x, w.t());
  if (bias.defined()) addBias(y, bias);
  return y;
}

}  // namespace

at::Tensor product(const at::Tensor& a, const at::Tensor& b) { return multiplied(asOperand(a), asOperand(b)).to(productType()); }

at::Tensor linearProduct(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias) {
  return multipliedWithBias(asOperand(x), asOperand(w), bias).to(productType());
}
