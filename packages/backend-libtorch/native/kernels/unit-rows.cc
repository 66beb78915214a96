// Rows brought to a length: L2 normalisation and weight normalisation, which both keep the rows' norms for the gradient.
#include <cmath>

#include "../loops.h"
#include "../registry.h"

namespace {

template <typename T>
float normOf(const T* x, std::int64_t width) {
  return static_cast<float>(std::sqrt(sumOf(width, [=](std::int64_t i) { return widened(x[i]) * widened(x[i]); })));
}

template <typename T, typename Y>
void scaleRow(const T* x, float factor, Y* y, std::int64_t width) {
  INDEPENDENT
  for (std::int64_t i = 0; i < width; i++) store(y + i, widened(x[i]) * factor);
}

template <typename D>
float dot(const D* a, const float* b, std::int64_t width) {
  return static_cast<float>(sumOf(width, [=](std::int64_t i) { return widened(a[i]) * b[i]; }));
}

/** to = a factor + b along. */
template <typename D>
void combineRows(const D* a, float factor, const float* b, float along, float* to, std::int64_t width) {
  INDEPENDENT
  for (std::int64_t i = 0; i < width; i++) to[i] = widened(a[i]) * factor + b[i] * along;
}

at::Tensor column(const at::Tensor& vector) { return vector.view({-1, 1}); }

void normalizeRows(Call& call, const at::Tensor& x, float epsilon) {
  const std::int64_t width = x.size(1);
  const auto y = at::empty_like(x, x.options().dtype(at::kFloat));
  const auto norm = at::empty({x.size(0)}, y.options());
  float* const to = y.data_ptr<float>();
  float* const norms = norm.data_ptr<float>();
  withNumbers(x, [&](const auto* from) {
    overRows(x.size(0), width, [=](std::int64_t row) {
      const float length = normOf(from + row * width, width);
      norms[row] = length;
      // Not std::max, which would lose a NaN.
      scaleRow(from + row * width, 1.0f / (length < epsilon ? epsilon : length), to + row * width, width);
    });
  });
  call.output(y);
  call.output(norm);
}

at::Tensor normalizeGradient(const at::Tensor& dy, const at::Tensor& y, const at::Tensor& norm, float epsilon) {
  const std::int64_t width = y.size(1);
  const auto dx = at::empty_like(y);
  const float* const unit = y.data_ptr<float>();
  const float* const norms = norm.data_ptr<float>();
  float* const to = dx.data_ptr<float>();
  withNumbers(dy, [&](const auto* d) {
    overRows(y.size(0), width, [=](std::int64_t row) {
      const std::int64_t at = row * width;
      const bool clamped = norms[row] < epsilon;
      const float factor = 1.0f / (clamped ? epsilon : norms[row]);
      const float along = clamped ? 0.0f : dot(d + at, unit + at, width);
      combineRows(d + at, factor, unit + at, -along * factor, to + at, width);
    });
  });
  return dx;
}

/** The weights go into a product, and are stored in its precision. */
void normalizeWeight(Call& call, const at::Tensor& v, const at::Tensor& g) {
  const std::int64_t width = v.size(1);
  const auto w = at::empty_like(v, v.options().dtype(productType()));
  const auto norm = at::empty({v.size(0)}, v.options());
  const float* const from = v.data_ptr<float>();
  const float* const gains = g.data_ptr<float>();
  float* const norms = norm.data_ptr<float>();
  withRoom(w, [&](auto* to) {
    overRows(v.size(0), width, [=](std::int64_t row) {
      norms[row] = normOf(from + row * width, width);
      scaleRow(from + row * width, gains[row] / norms[row], to + row * width, width);
    });
  });
  call.output(w);
  call.output(norm);
}

/** With u = v / norm: dg = dy·u and dv = g / norm (dy - u dg). */
void normalizeWeightGradient(const at::Tensor& dy, const at::Tensor& v, const at::Tensor& g, const at::Tensor& norm, const at::Tensor& dv, const at::Tensor& dg) {
  const std::int64_t width = v.size(1);
  const float* const from = v.data_ptr<float>();
  const float* const gains = g.data_ptr<float>();
  const float* const norms = norm.data_ptr<float>();
  float* const to = dv.data_ptr<float>();
  float* const dGains = dg.data_ptr<float>();
  withNumbers(dy, [&](const auto* d) {
    overRows(v.size(0), width, [=](std::int64_t row) {
      const std::int64_t at = row * width;
      const float along = dot(d + at, from + at, width) / norms[row];
      const float factor = gains[row] / norms[row];
      dGains[row] = along;
      combineRows(d + at, factor, from + at, -factor * along / norms[row], to + at, width);
    });
  });
}

/** What the weights would be multiplied by, and the rows' norms. */
void weightScale(Call& call, const at::Tensor& v, const at::Tensor& g) {
  const std::int64_t width = v.size(1);
  const auto norm = at::empty({v.size(0)}, v.options());
  const auto scale = at::empty_like(norm);
  const float* const from = v.data_ptr<float>();
  const float* const gains = g.data_ptr<float>();
  float* const norms = norm.data_ptr<float>();
  float* const scales = scale.data_ptr<float>();
  overRows(v.size(0), width, [=](std::int64_t row) {
    norms[row] = normOf(from + row * width, width);
    scales[row] = gains[row] / norms[row];
  });
  call.output(scale);
  call.output(norm);
}

}  // namespace

KERNEL(L2Normalize) {
  call.expect({"R D"});
  const at::Tensor& x = call.stored(0);
  const auto epsilon = static_cast<float>(call.number());
  if (onProcessor(x)) return normalizeRows(call, x, epsilon);
  const auto values = call.input(0);
  const auto norm = at::norm(values, 2, {1});
  call.output(at::div(values, column(norm.clamp_min(epsilon))));
  call.output(norm);
}

KERNEL(L2NormalizeGrad) {
  call.expect({"R D", "R D", "R"});
  const at::Tensor& dy = call.stored(0);
  const auto y = call.input(1);
  const auto norm = call.input(2);
  const auto epsilon = static_cast<float>(call.number());
  if (onProcessor(y)) return call.output(normalizeGradient(dy, y, norm, epsilon));
  const auto along = at::mul(at::sum(at::mul(dy, y), {1}, true), column(norm.ge(epsilon)));
  call.output(at::sub(dy, at::mul(y, along)).div_(column(norm.clamp_min(epsilon))));
}

KERNEL(WeightNorm) {
  call.expect({"K D", "K 1"});
  const auto v = call.input(0);
  const auto g = call.input(1);
  if (onProcessor(v)) return normalizeWeight(call, v, g);
  const auto norm = at::norm(v, 2, {1});
  call.output(at::mul(v, at::div(g.view({-1, 1}), column(norm))).to(productType()));
  call.output(norm);
}

// A flag: dv may be written over dy. It then is where that is float32, and no output.
KERNEL(WeightNormGrad) {
  call.expect({"K D", "K D", "K 1", "K"});
  const auto v = call.input(1);
  const auto g = call.input(2);
  const auto norm = call.input(3);
  const bool inPlace = call.flag() && call.stored(0).scalar_type() == at::kFloat;
  const auto dv = inPlace ? call.stored(0) : at::empty_like(v);
  auto dg = at::empty_like(g);
  if (onProcessor(v)) {
    normalizeWeightGradient(call.stored(0), v, g, norm, dv, dg);
  } else {
    const auto dy = call.input(0);
    const auto unit = at::div(v, column(norm));
    dg = at::sum(at::mul(dy, unit), {1}, true);
    dv.copy_(at::sub(dy, unit.mul_(dg)).mul_(at::div(g.view({-1, 1}), column(norm))));
  }
  if (!inPlace) call.output(dv);
  call.output(dg);
}

KERNEL(WeightNormScale) {
  call.expect({"K D", "K 1"});
  const auto v = call.input(0);
  const auto g = call.input(1);
  if (onProcessor(v)) return weightScale(call, v, g);
  const auto norm = at::norm(v, 2, {1});
  call.output(at::div(g.view({-1}), norm));
  call.output(norm);
}
