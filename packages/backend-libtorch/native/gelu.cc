#include "gelu.h"

#include "settings.h"
#include "vector-math.h"

at::Tensor geluOf(const at::Tensor& x) {
  if (!onProcessor(x)) return at::gelu(x);
  const auto y = at::empty_like(x);
  withNumbers(x, [&](const auto* from) {
    auto* to = roomOf(y, from);
    overElements(x.numel(), [=](std::int64_t begin, std::int64_t end) {
      INDEPENDENT
      for (std::int64_t i = begin; i < end; i++) store(to + i, vectorGelu(widened(from[i])));
    }, kExponentialWork);
  });
  return y;
}
