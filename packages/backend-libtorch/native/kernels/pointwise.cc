// GELU and SwiGLU. What they give is stored as what they were given: between two products of bfloat16 it stays bfloat16.
#include "../gelu.h"
#include "../registry.h"
#include "../vector-math.h"

namespace {

template <typename D, typename T>
void geluGradient(const D* dy, const T* x, T* dx, std::int64_t begin, std::int64_t end) {
  INDEPENDENT
  for (std::int64_t i = begin; i < end; i++) store(dx + i, widened(dy[i]) * vectorGeluSlope(widened(x[i])));
}

/** A row of gates, and the row of values beside it. */
template <typename T>
void swigluOf(const T* gate, const T* value, T* y, std::int64_t width) {
  INDEPENDENT
  for (std::int64_t i = 0; i < width; i++) {
    const float g = widened(gate[i]);
    store(y + i, g * vectorSigmoid(g) * widened(value[i]));
  }
}

template <typename D, typename T>
void swigluGradient(const D* dy, const T* gate, T* dGate, std::int64_t width) {
  const T* value = gate + width;
  T* dValue = dGate + width;
  INDEPENDENT
  for (std::int64_t i = 0; i < width; i++) {
    const float g = widened(gate[i]);
    const float d = widened(dy[i]);
    const float sigmoid = vectorSigmoid(g);
    const float silu = g * sigmoid;
    store(dGate + i, d * widened(value[i]) * (sigmoid + silu * (1.0f - sigmoid)));
    store(dValue + i, d * silu);
  }
}

at::Tensor swigluByLibtorch(const at::Tensor& x) {
  const auto halves = x.chunk(2, 1);
  return at::silu(halves[0]).mul_(halves[1]);
}

at::Tensor swigluGradientByLibtorch(const at::Tensor& dy, const at::Tensor& x) {
  const auto halves = x.chunk(2, 1);
  const auto dGate = at::silu_backward(at::mul(dy, halves[1]), halves[0]);
  return at::cat({dGate, at::silu(halves[0]).mul_(dy)}, 1);
}

}  // namespace

KERNEL(GeluFused) {
  call.expect({"*"});
  call.output(geluOf(call.stored(0)));
}

// A flag: dx may be written over dy. It then is where both are stored alike, and no output.
KERNEL(GeluFusedGrad) {
  call.expect({"*", "="});
  const at::Tensor& dy = call.stored(0);
  const at::Tensor& x = call.stored(1);
  if (!onProcessor(x)) return call.output(at::gelu_backward(dy.to(x.scalar_type()), x));
  const bool inPlace = call.flag() && dy.scalar_type() == x.scalar_type();
  const auto dx = inPlace ? dy : at::empty_like(x);
  withNumbers(dy, [&](const auto* d) {
    withNumbers(x, [&](const auto* from) {
      auto* to = roomOf(dx, from);
      overElements(x.numel(), [=](std::int64_t begin, std::int64_t end) { geluGradient(d, from, to, begin, end); }, kExponentialWork);
    });
  });
  if (!inPlace) call.output(dx);
}

KERNEL(SwigluFused) {
  call.expect({"R 2H"});
  const at::Tensor& x = call.stored(0);
  if (!onProcessor(x)) return call.output(swigluByLibtorch(x));
  const std::int64_t width = x.size(1) / 2;
  const auto y = at::empty({x.size(0), width}, x.options());
  withNumbers(x, [&](const auto* from) {
    auto* to = roomOf(y, from);
    overRows(x.size(0), width * kExponentialWork, [=](std::int64_t row) {
      const auto* gate = from + row * 2 * width;
      swigluOf(gate, gate + width, to + row * width, width);
    });
  });
  call.output(y);
}

KERNEL(SwigluFusedGrad) {
  call.expect({"R H", "R 2H"});
  const at::Tensor& dy = call.stored(0);
  const at::Tensor& x = call.stored(1);
  if (!onProcessor(x)) return call.output(swigluGradientByLibtorch(dy.to(x.scalar_type()), x));
  const std::int64_t width = dy.size(1);
  const auto dx = at::empty_like(x);
  withNumbers(dy, [&](const auto* d) {
    withNumbers(x, [&](const auto* from) {
      auto* to = roomOf(dx, from);
      overRows(x.size(0), width * kExponentialWork, [=](std::int64_t row) {
        swigluGradient(d + row * width, from + row * 2 * width, to + row * 2 * width, width);
      });
    });
  });
  call.output(dx);
}
