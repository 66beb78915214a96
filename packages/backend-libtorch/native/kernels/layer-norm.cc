// Layer normalisation over the columns. Its result is float32, whatever precision products have.
#include <cmath>

#include "../loops.h"
#include "../registry.h"

namespace {

/** Mean and 1 / standard deviation of a row. The variance is taken around the mean: E[x²] - E[x]² would lose the digits. */
struct Moments {
  float mean;
  float rstd;
};

Moments momentsOf(const float* x, std::int64_t width, double epsilon) {
  const float mean = static_cast<float>(sumOf(width, [=](std::int64_t i) { return x[i]; }) / static_cast<double>(width));
  const double squares = sumOf(width, [=](std::int64_t i) { return (x[i] - mean) * (x[i] - mean); });
  return {mean, static_cast<float>(1.0 / std::sqrt(squares / static_cast<double>(width) + epsilon))};
}

void normalize(const float* x, Moments moments, const float* weight, const float* bias, float* y, std::int64_t width) {
  const auto [mean, rstd] = moments;
  INDEPENDENT
  for (std::int64_t i = 0; i < width; i++) y[i] = (x[i] - mean) * rstd * weight[i] + bias[i];
}

/** One row of the gradient, and its share in the sums over rows: dWeight, and dBias behind it. */
template <typename D>
void rowGradient(const D* dy, const float* x, Moments moments, const float* weight, float* dx, float* sums, std::int64_t width) {
  const float mean = moments.mean;
  const float rstd = moments.rstd;
  float* dWeight = sums;
  float* dBias = sums + width;
  float total = 0;
  float along = 0;
#pragma omp simd reduction(+ : total, along)
  for (std::int64_t i = 0; i < width; i++) {
    const float d = widened(dy[i]);
    const float normalized = (x[i] - mean) * rstd;
    const float dNormalized = d * weight[i];
    total += dNormalized;
    along += dNormalized * normalized;
    dWeight[i] += d * normalized;
    dBias[i] += d;
  }
  const float meanTotal = total / static_cast<float>(width);
  const float meanAlong = along / static_cast<float>(width);
  INDEPENDENT
  for (std::int64_t i = 0; i < width; i++) {
    dx[i] = (widened(dy[i]) * weight[i] - meanTotal - (x[i] - mean) * rstd * meanAlong) * rstd;
  }
}

void layerNorm(Call& call, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double epsilon) {
  const std::int64_t rows = x.size(0);
  const std::int64_t width = x.size(1);
  const auto y = at::empty_like(x);
  const auto mean = at::empty({rows}, x.options());
  const auto rstd = at::empty({rows}, x.options());
  const float* const from = x.data_ptr<float>();
  const float* const w = weight.data_ptr<float>();
  const float* const b = bias.data_ptr<float>();
  float* const to = y.data_ptr<float>();
  float* const means = mean.data_ptr<float>();
  float* const rstds = rstd.data_ptr<float>();
  overRows(rows, width, [=](std::int64_t row) {
    const Moments moments = momentsOf(from + row * width, width, epsilon);
    normalize(from + row * width, moments, w, b, to + row * width, width);
    means[row] = moments.mean;
    rstds[row] = moments.rstd;
  });
  call.output(y);
  call.output(mean);
  call.output(rstd);
}

void layerNormGradient(Call& call, const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& mean, const at::Tensor& rstd) {
  const std::int64_t rows = x.size(0);
  const std::int64_t width = x.size(1);
  const auto dx = at::empty_like(x);
  const auto sums = at::empty({2, width}, x.options());
  const float* const from = x.data_ptr<float>();
  const float* const w = weight.data_ptr<float>();
  const float* const means = mean.data_ptr<float>();
  const float* const rstds = rstd.data_ptr<float>();
  float* const to = dx.data_ptr<float>();
  withNumbers(dy, [&](const auto* d) {
    sumOverRows(rows, 2 * width, sums.data_ptr<float>(), [=](std::int64_t begin, std::int64_t end, float* partial) {
      for (std::int64_t row = begin; row < end; row++) {
        const std::int64_t at = row * width;
        rowGradient(d + at, from + at, {means[row], rstds[row]}, w, to + at, partial, width);
      }
    });
  });
  call.output(dx);
  call.output(sums[0]);
  call.output(sums[1]);
}

}  // namespace

KERNEL(LayerNormFused) {
  call.expect({"R D", "D", "D"});
  const auto x = call.input(0);
  const auto weight = call.input(1);
  const auto bias = call.input(2);
  const double epsilon = call.number();
  if (onProcessor(x)) return layerNorm(call, x, weight, bias, epsilon);
  const auto [y, mean, rstd] = at::native_layer_norm(x, {x.size(1)}, weight, bias, epsilon);
  call.output(y);
  call.output(mean.reshape({-1}));
  call.output(rstd.reshape({-1}));
}

KERNEL(LayerNormFusedGrad) {
  call.expect({"R D", "R D", "D", "R", "R"});
  const at::Tensor& dy = call.stored(0);
  const auto x = call.input(1);
  const auto weight = call.input(2);
  const auto mean = call.input(3);
  const auto rstd = call.input(4);
  if (onProcessor(x)) return layerNormGradient(call, dy, x, weight, mean, rstd);
  const auto column = [&](const at::Tensor& vector) { return vector.view({-1, 1}); };
  // The gradient of the bias is the same whatever the bias is.
  const auto [dx, dWeight, dBias] =
      at::native_layer_norm_backward(call.input(0), x, {x.size(1)}, column(mean), column(rstd), weight, weight, {true, true, true});
  call.output(dx);
  call.output(dWeight);
  call.output(dBias);
}
