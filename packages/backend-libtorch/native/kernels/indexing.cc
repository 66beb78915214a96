// Reading and writing at indices that are tensors. An index outside of its axis is an error.
#include "../indices.h"
#include "../loops.h"
#include "../registry.h"

namespace {

/** Indices [..., R] into the first R axes of `sizes`, as places in those axes flattened: [N]. */
at::Tensor flatIndices(const at::Tensor& indices, const std::vector<std::int64_t>& sizes, const at::Tensor& beside) {
  const auto rank = static_cast<std::int64_t>(sizes.size());
  const auto rows = indices.reshape({rank == 0 ? 1 : indices.numel() / rank, rank});
  auto flat = at::zeros({rows.size(0)}, beside.options().dtype(at::kLong));
  for (std::int64_t axis = 0; axis < rank; axis++) flat = flat.mul_(sizes[axis]).add_(checkedIndices(rows.select(1, axis), sizes[axis], beside));
  return flat;
}

std::int64_t productOf(const std::vector<std::int64_t>& sizes) {
  std::int64_t product = 1;
  for (const std::int64_t size : sizes) product *= size;
  return product;
}

/** Writes updates [N, W], or one number, to the rows of `base` [R, W]; of two to one row the last one stays. */
void writeRows(at::Tensor& base, const at::Tensor& rows, const at::Tensor& updates) {
  const auto values = updates.expand({rows.size(0), base.size(1)}).contiguous();
  if (!onProcessor(base)) {
    base.index_copy_(0, rows, values);
    return;
  }
  const auto bytes = static_cast<std::int64_t>(base.element_size()) * base.size(1);
  if (bytes == 0) return;
  const auto* places = rows.data_ptr<std::int64_t>();
  const auto* from = static_cast<const char*>(values.data_ptr());
  auto* to = static_cast<char*>(base.data_ptr());
  for (std::int64_t i = 0; i < rows.size(0); i++) std::memcpy(to + places[i] * bytes, from + i * bytes, bytes);
}

}  // namespace

/** x [B, O, D, S] along D by indices [B, I]: [sizes of x, sizes of the indices, shape of the result]. */
KERNEL(GatherV2) {
  const auto x = call.stored(0).view(call.integers(4));
  const auto indices = checkedIndices(call.input(1), x.size(2), x).view(call.integers(2));
  const auto shape = call.integers();
  // Whole rows of a matrix are what LibTorch copies fastest.
  if (x.size(0) == 1 && x.size(1) == 1) return call.output(at::index_select(x.view({x.size(2), x.size(3)}), 0, indices.view({-1})).view(shape));
  if (x.size(0) == 1) return call.output(at::index_select(x, 2, indices.view({-1})).view(shape));
  const auto batches = at::arange(x.size(0), indices.options()).unsqueeze(1);
  call.output(at::index(x.transpose(1, 2), {batches, indices}).transpose(1, 2).contiguous().view(shape));
}

/** [sizes of the axes that the indices go over, shape of the result]. */
KERNEL(GatherNd) {
  const auto sizes = call.integers();
  const auto shape = call.integers();
  const auto& x = call.stored(0);
  const auto flat = flatIndices(call.input(1), sizes, x);
  const std::int64_t rows = productOf(sizes);
  call.output(at::index_select(x.view({rows, rows == 0 ? 0 : x.numel() / rows}), 0, flat).view(shape));
}

/** Adds updates up in zeros: [sizes of the axes that the indices go over, shape of the result]. */
KERNEL(ScatterNd) {
  const auto sizes = call.integers();
  const auto shape = call.integers();
  const auto updates = call.input(1);
  const auto values = updates.scalar_type() == at::kBool ? updates.to(at::kInt) : updates;
  const std::int64_t rows = productOf(sizes);
  const auto flat = flatIndices(call.input(0), sizes, updates);
  auto sums = at::zeros({rows, rows == 0 ? 0 : productOf(shape) / rows}, values.options());
  sums.index_add_(0, flat, values.view({flat.size(0), sums.size(1)}));
  call.output(sums.view(shape).to(updates.scalar_type()));
}

/** Inputs tensor, indices, updates; [sizes of the axes that the indices go over]. */
KERNEL(TensorScatterUpdate) {
  const auto sizes = call.integers();
  const auto x = call.input(0);
  const auto flat = flatIndices(call.input(1), sizes, x);
  const auto updates = call.input(2).to(x.scalar_type());
  const std::int64_t rows = productOf(sizes);
  auto result = x.clone().view({rows, rows == 0 ? 0 : x.numel() / rows});
  if (flat.size(0) > 0) writeRows(result, flat, updates.dim() == 0 ? updates : updates.reshape({flat.size(0), -1}));
  call.output(result.view(x.sizes()));
}

/** Inputs indices, values, default; [sizes of the axes that the indices go over, shape of the result]. */
KERNEL(SparseToDense) {
  const auto sizes = call.integers();
  const auto shape = call.integers();
  const auto values = call.input(1);
  const auto flat = flatIndices(call.input(0), sizes, values);
  const std::int64_t rows = productOf(sizes);
  auto result = call.input(2).to(values.scalar_type()).expand({rows, rows == 0 ? 0 : productOf(shape) / rows}).contiguous();
  if (result.is_alias_of(call.input(2))) result = result.clone();
  if (flat.size(0) > 0) writeRows(result, flat, values.dim() == 0 ? values : values.reshape({flat.size(0), -1}));
  call.output(result.view(shape));
}

/** [depth, value at the index, value elsewhere, dtype]. An index outside of the depth gives no mark. */
KERNEL(OneHot) {
  const std::int64_t depth = call.integer();
  const double on = call.number();
  const double off = call.number();
  const auto type = call.dtype();
  const auto indices = call.input(0).unsqueeze(-1);
  const auto marks = at::eq(indices, at::arange(depth, indices.options()));
  call.output(at::full(marks.sizes(), off, marks.options().dtype(type)).masked_fill_(marks, on));
}

namespace {

/** Larger first, the earlier of equal ones first, and what is not a number before all numbers. */
template <typename T>
void largestOf(const T* row, std::int64_t width, std::int64_t k, T* values, std::int32_t* places) {
  std::vector<std::int32_t> order(width);
  for (std::int64_t i = 0; i < width; i++) order[i] = static_cast<std::int32_t>(i);
  const auto before = [row](std::int32_t a, std::int32_t b) {
    const bool aIsNan = row[a] != row[a];
    const bool bIsNan = row[b] != row[b];
    if (aIsNan != bIsNan) return aIsNan;
    return row[a] > row[b] || (!(row[b] > row[a]) && a < b);
  };
  std::partial_sort(order.begin(), order.begin() + k, order.end(), before);
  for (std::int64_t i = 0; i < k; i++) {
    places[i] = order[i];
    values[i] = row[order[i]];
  }
}

}  // namespace

KERNEL(TopK) {
  const std::int64_t k = call.integer();
  const auto x = call.input(0);
  const std::int64_t width = x.size(-1);
  if (k < 0 || k > width) throw std::invalid_argument("k = " + std::to_string(k) + " is not in [0, " + std::to_string(width) + "], the elements of the last axis");
  if (!onProcessor(x) || x.scalar_type() == at::kBool) {
    const auto sorted = at::sort(x.scalar_type() == at::kBool ? x.to(at::kByte) : x, true, -1, true);
    call.output(std::get<0>(sorted).narrow(-1, 0, k).to(x.scalar_type()));
    return call.output(std::get<1>(sorted).narrow(-1, 0, k).to(at::kInt));
  }
  auto shape = x.sizes().vec();
  shape.back() = k;
  const auto values = at::empty(shape, x.options());
  const auto places = at::empty(shape, x.options().dtype(at::kInt));
  const auto run = [&](const auto* from, auto* to) {
    auto* indices = places.data_ptr<std::int32_t>();
    if (values.numel() == 0) return;
    overRows(x.numel() / width, 8 * width, [=](std::int64_t row) { largestOf(from + row * width, width, k, to + row * k, indices + row * k); });
  };
  if (x.scalar_type() == at::kInt) run(x.data_ptr<std::int32_t>(), values.data_ptr<std::int32_t>());
  else run(x.data_ptr<float>(), values.data_ptr<float>());
  call.output(values);
  call.output(places);
}

/** Sums of the rows that have one id; rows with an id that is no segment are left out. */
KERNEL(UnsortedSegmentSum) {
  const std::int64_t segments = call.integer();
  const auto x = call.input(0);
  const auto ids = call.input(1).to(at::kLong);
  const auto places = at::where(at::logical_or(at::lt(ids, 0), at::ge(ids, segments)), at::full_like(ids, segments), ids).view({-1});
  auto sizes = x.sizes().slice(ids.dim()).vec();
  sizes.insert(sizes.begin(), places.numel());
  const auto rows = x.view(sizes);
  sizes[0] = segments + 1;
  call.output(at::zeros(sizes, x.options()).index_add_(0, places, rows).narrow(0, 0, segments));
}

/** For each value [R, M] its place in the sorted row [R, N]: before its equals, or after. */
KERNEL(SearchSorted) {
  const bool after = call.flag();
  call.output(at::searchsorted(call.input(0), call.input(1), true, after));
}
