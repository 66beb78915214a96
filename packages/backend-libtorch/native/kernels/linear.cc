// y = activation(x weightᵀ + bias) and its gradient. R rows, I inputs, O outputs.
#include "../gelu.h"
#include "../loops.h"
#include "../product.h"
#include "../registry.h"
#include "../vector-math.h"

namespace {

/** dPre = dy or, under GELU, dy times its slope at `pre`, as an operand of products; and its sum over the rows, in one pass. */
void preActivationGradient(const at::Tensor& dy, const at::Tensor& pre, at::Tensor& dPre, at::Tensor& sums) {
  const auto width = dy.size(1);
  withNumbers(dy, [&](const auto* from) {
    withRoom(dPre, [&](auto* to) {
      const auto pass = [&](auto gradientAt) {
        sumOverRows(dy.size(0), width, sums.data_ptr<float>(), [&](std::int64_t begin, std::int64_t end, float* partial) {
          for (std::int64_t row = begin; row < end; row++) {
            const auto at = row * width;
            INDEPENDENT
            for (std::int64_t i = 0; i < width; i++) {
              const float gradient = gradientAt(at + i);
              store(to + at + i, gradient);
              partial[i] += gradient;
            }
          }
        });
      };
      if (!pre.defined()) pass([&](std::int64_t i) { return widened(from[i]); });
      else withNumbers(pre, [&](const auto* p) { pass([&](std::int64_t i) { return widened(from[i]) * vectorGeluSlope(widened(p[i])); }); });
    });
  });
}

struct ScaledWeightGradient {
  at::Tensor weight;
  at::Tensor gamma;
};

/** gamma times `products` [O, I], and the sums of weight times `products` over the inputs, in one pass. */
ScaledWeightGradient scaledWeightGradient(const at::Tensor& products, const at::Tensor& weight, const at::Tensor& gamma) {
  const ScaledWeightGradient gradient{at::empty_like(products), at::empty_like(gamma)};
  const std::int64_t width = products.size(1);
  const float* const from = products.data_ptr<float>();
  const float* const weights = weight.data_ptr<float>();
  const float* const scales = gamma.data_ptr<float>();
  float* const to = gradient.weight.data_ptr<float>();
  float* const sums = gradient.gamma.data_ptr<float>();
  overRows(products.size(0), width, [=](std::int64_t row) {
    const float* const p = from + row * width;
    const float* const w = weights + row * width;
    float* const d = to + row * width;
    const float scale = scales[row];
    INDEPENDENT
    for (std::int64_t i = 0; i < width; i++) d[i] = scale * p[i];
    sums[row] = static_cast<float>(sumOf(width, [=](std::int64_t i) { return w[i] * p[i]; }));
  });
  return gradient;
}

}  // namespace

KERNEL(LinearFused) {
  call.expect({"R I", "O I", "?O"});
  const bool gelu = call.flag();
  auto pre = linearProduct(call.stored(0), call.stored(1), call.has(2) ? call.input(2) : at::Tensor());
  if (gelu) call.output(geluOf(pre));
  call.output(pre);
}

KERNEL(LinearFusedGrad) {
  call.expect({"R O", "R I", "O I", "?R O"});
  const bool hasBias = call.flag();
  const auto& dy = call.stored(0);
  const auto x = call.stored(1).to(productType());
  const auto pre = call.has(3) ? call.stored(3) : at::Tensor();
  at::Tensor dPre;
  at::Tensor sums;
  if (onProcessor(dy)) {
    if (hasBias || pre.defined()) {
      dPre = at::empty(dy.sizes(), dy.options().dtype(productType()));
      sums = at::empty({dy.size(1)}, dy.options().dtype(at::kFloat));
      preActivationGradient(dy, pre, dPre, sums);
    } else {
      dPre = dy.to(productType());
    }
  } else {
    dPre = (pre.defined() ? at::gelu_backward(dy.to(pre.scalar_type()), pre) : dy).to(productType());
    if (hasBias) sums = dPre.sum(0, false, at::kFloat);
  }
  call.output(product(dPre, call.stored(2)));
  call.output(product(dPre.t(), x).to(at::kFloat));
  if (hasBias) call.output(sums);
}

KERNEL(RoundOperand) { call.output(call.stored(0).to(productType())); }

KERNEL(ScaledLinearGrad) {
  call.expect({"O I", "O I", "O", "?O", "?O"});
  const auto products = call.input(0);
  const auto weight = call.input(1);
  const auto gamma = call.input(2);
  const bool hasBias = call.has(4);
  if (hasBias != call.has(3)) throw std::invalid_argument("sums and bias were expected together");
  if (onProcessor(products)) {
    const auto gradient = scaledWeightGradient(products, weight, gamma);
    call.output(gradient.weight);
    call.output(hasBias ? gradient.gamma.addcmul_(call.input(4), call.input(3)) : gradient.gamma);
  } else {
    const auto gammaGradient = at::sum(at::mul(weight, products), {1});
    call.output(at::mul(products, gamma.unsqueeze(1)));
    call.output(hasBias ? at::addcmul(gammaGradient, call.input(4), call.input(3)) : gammaGradient);
  }
  if (hasBias) call.output(at::mul(call.input(3), gamma));
}
