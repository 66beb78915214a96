// The products of all pairs of columns of a matrix, each less its mean, in float64; the last column is one of ones.
#include "../centred-rows.h"
#include "../float64.h"
#include "../registry.h"

// x [N, D] and the mean [D] give [D + 1, D + 1].
KERNEL(CentredGram) {
  const auto mean = float64Input(call, 1, 1);
  call.expect({"N D"});
  const auto x = call.input(0);
  expectSize(mean, 0, x.size(1));
  const std::int64_t size = x.size(1) + 1;
  auto gram = at::zeros({size, size}, mean.options());
  overCentredRows(x, mean, [&](std::int64_t, const at::Tensor& rows) { gram.addmm_(rows.t(), rows); });
  float64Output(call, gram);
}
