// A symmetric positive definite matrix as L Lᵀ, and systems of equations solved with it, in float64. Legend: M size, R right sides.
#include "../float64.h"
#include "../registry.h"
#include "../tile-packing.h"

namespace {

/** Rows of L that are solved for one after another; the rest are products. */
constexpr std::int64_t kBlockRows = 8 * kTileRows;
/** Right sides of a part, which stay in the cache. */
constexpr std::int64_t kRightSides = kTileVectors * kSumLanes<double>;

/** L x = b and then Lᵀ x = b for some right sides, as columns of x [M, width], in place. */
class Substitution {
 public:
  Substitution(const double* lower, std::int64_t size, double* x, std::int64_t width) : lower_(lower), size_(size), x_(x), width_(width), products_(static_cast<std::size_t>(kBlockRows * width)) {}

  void solve() {
    for (std::int64_t start = 0; start < size_; start += kBlockRows) forward(start, std::min(size_, start + kBlockRows));
    for (std::int64_t end = size_; end > 0; end = (end - 1) / kBlockRows * kBlockRows) backward((end - 1) / kBlockRows * kBlockRows, end);
  }

 private:
  double at(std::int64_t i, std::int64_t j) const { return lower_[i * size_ + j]; }

  void forward(std::int64_t start, std::int64_t end) {
    subtract<Order::rows>(start, end, {start, lower_ + start * size_, size_, x_, width_, products_.data(), width_, false});
    for (std::int64_t i = start; i < end; i++) {
      for (std::int64_t j = start; j < i; j++) addRow(i, j, -at(i, j));
      divideRow(i);
    }
  }

  void backward(std::int64_t start, std::int64_t end) {
    subtract<Order::columns>(start, end, {size_ - end, lower_ + end * size_ + start, size_, x_ + end * width_, width_, products_.data(), width_, false});
    for (std::int64_t i = end - 1; i >= start; i--) {
      for (std::int64_t j = i + 1; j < end; j++) addRow(i, j, -at(j, i));
      divideRow(i);
    }
  }

  template <Order order>
  void subtract(std::int64_t start, std::int64_t end, const Product<double>& product) {
    multiply<order>(end - start, width_, product);
    double* const to = x_ + start * width_;
    for (std::int64_t i = 0; i < (end - start) * width_; i++) to[i] -= products_[static_cast<std::size_t>(i)];
  }

  /** x_i += factor x_j. */
  void addRow(std::int64_t i, std::int64_t j, double factor) {
    INDEPENDENT
    for (std::int64_t r = 0; r < width_; r++) x_[i * width_ + r] += factor * x_[j * width_ + r];
  }

  void divideRow(std::int64_t i) {
    for (std::int64_t r = 0; r < width_; r++) x_[i * width_ + r] /= at(i, i);
  }

  const double* lower_;
  std::int64_t size_;
  double* x_;
  std::int64_t width_;
  std::vector<double> products_;
};

/** Right sides are rows, [R, M]. */
at::Tensor substitute(const at::Tensor& lower, const at::Tensor& right) {
  const std::int64_t count = right.size(0);
  const std::int64_t size = right.size(1);
  const auto solution = at::empty_like(right);
  const double* const triangle = lower.data_ptr<double>();
  const double* const from = right.data_ptr<double>();
  double* const to = solution.data_ptr<double>();
  at::parallel_for(0, chunksOf(count, kRightSides), 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t start = first * kRightSides; start < std::min(count, last * kRightSides); start += kRightSides) {
      const std::int64_t some = std::min(kRightSides, count - start);
      const std::int64_t width = roundedUp(some, kSumLanes<double>);
      std::vector<double> columns(static_cast<std::size_t>(size * width));
      for (std::int64_t r = 0; r < some; r++) {
        for (std::int64_t i = 0; i < size; i++) columns[static_cast<std::size_t>(i * width + r)] = from[(start + r) * size + i];
      }
      Substitution(triangle, size, columns.data(), width).solve();
      for (std::int64_t r = 0; r < some; r++) {
        for (std::int64_t i = 0; i < size; i++) to[(start + r) * size + i] = columns[static_cast<std::size_t>(i * width + r)];
      }
    }
  });
  return solution;
}

}  // namespace

// Attributes: a number that the matrix [M, M] is multiplied by, and what is then added to its diagonal. Gives L.
KERNEL(CholeskyFactor) {
  const auto matrix = float64Input(call, 0, 2);
  const double scale = call.number();
  const auto added = call.numbers();
  expectSize(matrix, 1, matrix.size(0));
  if (static_cast<std::int64_t>(added.size()) != matrix.size(0)) throw std::invalid_argument("a number for each place of the diagonal was expected");
  const auto scaled = at::mul(matrix, scale);
  scaled.diagonal().add_(at::tensor(at::ArrayRef<double>(added), at::kDouble).to(matrix.device()));
  const auto [lower, failed] = at::linalg_cholesky_ex(scaled);
  const auto row = failed.item<int>();
  if (row != 0) throw std::invalid_argument("row " + std::to_string(row - 1) + " makes the matrix not positive definite");
  float64Output(call, lower);
}

// L [M, M] and right sides [R, M] of L Lᵀ x = b; gives [R, M].
KERNEL(CholeskySolve) {
  const auto lower = float64Input(call, 0, 2);
  const auto right = float64Input(call, 1, 2);
  expectSize(lower, 1, lower.size(0));
  expectSize(right, 1, lower.size(0));
  float64Output(call, onProcessor(lower) ? substitute(lower, right) : at::cholesky_solve(right.t(), lower).t());
}
