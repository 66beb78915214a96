// The ends of residual branches, and rows taken from and added back to a batch. The residual stream and its gradient are
// float32; what a branch gives, and the gradient that goes into it, is stored in the precision of products.
#include "../indices.h"
#include "../loops.h"
#include "../registry.h"

namespace {

/** [D], or null for a branch without LayerScale. */
const float* numbersOrNull(const at::Tensor& gamma) { return gamma.defined() ? gamma.data_ptr<float>() : nullptr; }

/** y = x + scale gamma residual, one row. */
template <typename T>
void addRow(const float* x, const T* residual, const float* gamma, float scale, float* y, std::int64_t width) {
  if (gamma == nullptr) {
    INDEPENDENT
    for (std::int64_t i = 0; i < width; i++) y[i] = x[i] + scale * widened(residual[i]);
  } else {
    INDEPENDENT
    for (std::int64_t i = 0; i < width; i++) y[i] = x[i] + scale * gamma[i] * widened(residual[i]);
  }
}

/** dResidual = scale gamma dy, and dGamma += scale dy residual, one row. */
template <typename T, typename R>
void rowGradient(const float* dy, const T* residual, const float* gamma, float scale, R* dResidual, float* dGamma, std::int64_t width) {
  if (gamma == nullptr) {
    INDEPENDENT
    for (std::int64_t i = 0; i < width; i++) store(dResidual + i, scale * dy[i]);
  } else {
    INDEPENDENT
    for (std::int64_t i = 0; i < width; i++) {
      store(dResidual + i, scale * gamma[i] * dy[i]);
      dGamma[i] += scale * dy[i] * widened(residual[i]);
    }
  }
}

/** The samples, of `tokens` rows each, that a branch ran on, with their factors; all of them, times 1, when `samples` is null. */
struct Subset {
  const std::int64_t* samples;
  const double* scales;
  std::int64_t tokens;

  /** Where row `row` of the branch lies in the residual stream. */
  std::int64_t place(std::int64_t row) const { return samples == nullptr ? row : samples[row / tokens] * tokens + row % tokens; }
  float scale(std::int64_t row) const { return samples == nullptr ? 1.0f : static_cast<float>(scales[row / tokens]); }
};

/** The gradients of residual [.., D] and gamma (undefined without one). `dy` has the rows of the residual stream. */
struct BranchGradient {
  at::Tensor residual;
  at::Tensor gamma;
};

BranchGradient branchGradient(const at::Tensor& dy, const at::Tensor& residual, const at::Tensor& gamma, Subset subset) {
  const std::int64_t width = residual.size(-1);
  const std::int64_t rows = residual.numel() / width;
  const BranchGradient gradient{at::empty_like(residual, residual.options().dtype(productType())),
                                gamma.defined() ? at::empty_like(gamma) : at::Tensor()};
  const float* const d = dy.data_ptr<float>();
  const float* const scales = numbersOrNull(gamma);
  withNumbers(residual, [&](const auto* from) {
    withRoom(gradient.residual, [&](auto* to) {
      const auto row = [=](std::int64_t index, float* dGamma) {
        const std::int64_t at = index * width;
        rowGradient(d + subset.place(index) * width, from + at, scales, subset.scale(index), to + at, dGamma, width);
      };
      if (scales == nullptr) return overRows(rows, width, [=](std::int64_t index) { row(index, nullptr); });
      sumOverRows(rows, width, gradient.gamma.data_ptr<float>(), [=](std::int64_t begin, std::int64_t end, float* partial) {
        for (std::int64_t index = begin; index < end; index++) row(index, partial);
      });
    });
  });
  return gradient;
}

/** x with the branch added to the chosen samples; `x` as it is elsewhere. */
at::Tensor addSubset(const at::Tensor& x, const at::Tensor& residual, const at::Tensor& gamma, const std::vector<std::int64_t>& samples, const std::vector<double>& factors) {
  const std::int64_t width = x.size(2);
  const std::int64_t tokens = x.size(1);
  std::vector<std::int64_t> branchOf(static_cast<std::size_t>(x.size(0)), -1);
  for (std::size_t k = 0; k < samples.size(); k++) branchOf[samples[k]] = static_cast<std::int64_t>(k);
  const auto y = at::empty_like(x);
  const float* const from = x.data_ptr<float>();
  const float* const scales = numbersOrNull(gamma);
  float* const to = y.data_ptr<float>();
  withNumbers(residual, [&](const auto* r) {
    overRows(x.size(0) * tokens, width, [=, &branchOf, &factors](std::int64_t row) {
      const std::int64_t k = branchOf[row / tokens];
      const std::int64_t at = row * width;
      if (k < 0) std::memcpy(to + at, from + at, width * sizeof(float));
      else addRow(from + at, r + (k * tokens + row % tokens) * width, scales, static_cast<float>(factors[k]), to + at, width);
    });
  });
  return y;
}

/** [K, N, D], each sample times its factor, and all times gamma. */
at::Tensor scaledBy(const at::Tensor& x, const at::Tensor& gamma, const std::vector<double>& factors) {
  const auto scales = at::tensor(at::ArrayRef<double>(factors), at::kFloat).to(x.device()).view({-1, 1, 1});
  return at::mul(gamma.defined() ? at::mul(x, gamma) : x, scales);
}

/** What the subset kernels are given: the residual stream or its gradient, the branch, gamma (may be undefined), samples, scales. */
struct SubsetCall {
  at::Tensor stream;
  at::Tensor residual;
  at::Tensor gamma;
  std::vector<std::int64_t> samples;
  std::vector<double> scales;

  explicit SubsetCall(Call& call) {
    call.expect({"B N D", "K N D", "?D"});
    stream = call.input(0);
    residual = call.stored(1);
    if (call.has(2)) gamma = call.input(2);
    samples = indicesBelow(stream.size(0), call.integers(static_cast<std::size_t>(residual.size(0))));
    scales = call.numbers();
    if (scales.size() != samples.size()) throw std::invalid_argument("a scale for each sample was expected");
  }
};

}  // namespace

KERNEL(LayerScaleResidual) {
  call.expect({"R D", "R D", "D"});
  const auto x = call.input(0);
  const at::Tensor& residual = call.stored(1);
  const auto gamma = call.input(2);
  if (!onProcessor(x)) return call.output(at::addcmul(x, call.input(1), gamma));
  const std::int64_t width = x.size(1);
  const auto y = at::empty_like(x);
  const float* const from = x.data_ptr<float>();
  const float* const scales = gamma.data_ptr<float>();
  float* const to = y.data_ptr<float>();
  withNumbers(residual, [&](const auto* r) {
    overRows(x.size(0), width, [=](std::int64_t row) { addRow(from + row * width, r + row * width, scales, 1.0f, to + row * width, width); });
  });
  call.output(y);
}

KERNEL(LayerScaleResidualGrad) {
  call.expect({"R D", "R D", "D"});
  const auto dy = call.input(0);
  const at::Tensor& residual = call.stored(1);
  const auto gamma = call.input(2);
  if (onProcessor(dy)) {
    const auto gradient = branchGradient(dy, residual, gamma, {nullptr, nullptr, 1});
    call.output(gradient.residual);
    return call.output(gradient.gamma);
  }
  call.output(at::mul(dy, gamma).to(productType()));
  call.output(at::sum(at::mul(dy, residual), {0}));
}

KERNEL(AddResidualSubset) {
  const auto [x, residual, gamma, samples, scales] = SubsetCall(call);
  if (onProcessor(x)) return call.output(addSubset(x, residual, gamma, samples, scales));
  call.output(at::index_add(x, 0, indexTensor(samples, x), scaledBy(call.input(1), gamma, scales)));
}

KERNEL(AddResidualSubsetGrad) {
  const auto [dy, residual, gamma, samples, scales] = SubsetCall(call);
  if (onProcessor(dy)) {
    const auto gradient = branchGradient(dy, residual, gamma, {samples.data(), scales.data(), residual.size(1)});
    call.output(gradient.residual);
    if (gamma.defined()) call.output(gradient.gamma);
    return;
  }
  const auto kept = at::index_select(dy, 0, indexTensor(samples, dy));
  call.output(scaledBy(kept, gamma, scales).to(productType()));
  if (gamma.defined()) call.output(scaledBy(at::mul(kept, residual), {}, scales).flatten(0, 1).sum(0));
}
