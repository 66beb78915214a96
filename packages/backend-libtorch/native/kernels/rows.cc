// Rows taken out of a tensor by their indices, and the gradient that adds them back.
#include "../indices.h"
#include "../loops.h"
#include "../registry.h"
#include "../scratch.h"

namespace {

/** For each of `rows` rows the places in `indices` that name it, in their order: those of row r are order[start[r] … start[r + 1]). */
struct Sources {
  Scratch<std::int64_t> start;
  Scratch<std::int64_t> order;

  Sources(const std::vector<std::int64_t>& indices, std::int64_t rows) : start(rows + 2), order(static_cast<std::int64_t>(indices.size())) {
    // Counted two places on: start[r + 1] is where row r begins until its sources are placed, and then where it ends.
    std::fill_n(start.data(), rows + 2, 0);
    for (const std::int64_t row : indices) start[row + 2]++;
    for (std::int64_t row = 0; row < rows; row++) start[row + 2] += start[row + 1];
    for (std::size_t k = 0; k < indices.size(); k++) order[start[indices[k] + 1]++] = static_cast<std::int64_t>(k);
  }
};

/** Each row is written by one thread, as the sum of its sources in their order. */
at::Tensor addRowsBack(const at::Tensor& dy, const std::vector<std::int64_t>& indices, std::int64_t rows) {
  const std::int64_t width = dy.size(1);
  const Sources sources(indices, rows);
  const auto dx = at::empty({rows, width}, dy.options().dtype(at::kFloat));
  float* const to = dx.data_ptr<float>();
  withNumbers(dy, [&](const auto* d) {
    overRows(rows, width, [=, &sources](std::int64_t row) {
      float* const sum = to + row * width;
      const std::int64_t begin = sources.start[row];
      const std::int64_t end = sources.start[row + 1];
      if (begin == end) std::fill(sum, sum + width, 0.0f);
      for (std::int64_t k = begin; k < end; k++) {
        const auto* from = d + sources.order[k] * width;
        INDEPENDENT
        for (std::int64_t i = 0; i < width; i++) sum[i] = k == begin ? widened(from[i]) : sum[i] + widened(from[i]);
      }
    });
  });
  return dx;
}

}  // namespace

KERNEL(GatherRows) {
  call.expect({"R C"});
  const at::Tensor& x = call.stored(0);
  const auto indices = indicesBelow(x.size(0), call.integers());
  if (!onProcessor(x)) return call.output(at::index_select(x, 0, indexTensor(indices, x)));
  const auto bytes = static_cast<std::int64_t>(x.size(1) * x.element_size());
  const auto y = at::empty({static_cast<std::int64_t>(indices.size()), x.size(1)}, x.options());
  const auto* const from = static_cast<const char*>(x.data_ptr());
  auto* const to = static_cast<char*>(y.data_ptr());
  overRows(y.size(0), x.size(1), [=, &indices](std::int64_t row) { std::memcpy(to + row * bytes, from + indices[row] * bytes, bytes); });
  call.output(y);
}

KERNEL(GatherRowsScaled) {
  call.expect({"R C"});
  const at::Tensor& x = call.stored(0);
  const auto indices = indicesBelow(x.size(0), call.integers());
  const auto scales = call.numbers();
  if (scales.size() != indices.size()) throw std::invalid_argument("a scale for each row was expected");
  if (!onProcessor(x)) {
    const auto factors = at::tensor(at::ArrayRef<double>(scales), at::kFloat).to(x.device()).view({-1, 1});
    return call.output(at::mul(at::index_select(call.input(0), 0, indexTensor(indices, x)), factors));
  }
  const std::int64_t width = x.size(1);
  const auto y = at::empty({static_cast<std::int64_t>(indices.size()), width}, x.options().dtype(at::kFloat));
  float* const to = y.data_ptr<float>();
  withNumbers(x, [&](const auto* from) {
    overRows(y.size(0), width, [=, &indices, &scales](std::int64_t row) {
      const auto* const taken = from + indices[row] * width;
      const auto scale = static_cast<float>(scales[row]);
      INDEPENDENT
      for (std::int64_t i = 0; i < width; i++) to[row * width + i] = scale * widened(taken[i]);
    });
  });
  call.output(y);
}

KERNEL(GatherRowsGrad) {
  call.expect({"K C"});
  const at::Tensor& dy = call.stored(0);
  auto indices = call.integers(static_cast<std::size_t>(dy.size(0)));
  const std::int64_t rows = call.integer();
  indices = indicesBelow(rows, std::move(indices));
  if (onProcessor(dy)) return call.output(addRowsBack(dy, indices, rows));
  const auto values = call.input(0);
  call.output(at::zeros({rows, dy.size(1)}, values.options()).index_add_(0, indexTensor(indices, dy), values));
}
