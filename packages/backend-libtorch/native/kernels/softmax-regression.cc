// The loss of multinomial logistic regression and its gradient, in float64. Features stay float32 in memory and are widened a block
// of rows at a time, which both of its products then find in the cache.
// Legend: N rows, D width, K classes; M = D + 1, the last column of ones for the bias.
#include <cmath>

#include "../centred-rows.h"
#include "../float64.h"
#include "../registry.h"
#include "../tile-packing.h"

namespace {

/** Numbers of a block of rows: half a megabyte. */
constexpr std::int64_t kBlockNumbers = 65536;
/** Sums of the gradient that blocks are added to, then added in their order. */
constexpr std::int64_t kPartials = 32;
constexpr std::int64_t kLanes64 = kSumLanes<double>;

struct Sums {
  /** Σ -log p of the label. */
  double loss = 0;
  /** Σ 1 - Σ p². */
  double uncertainty = 0;
};

/** Replaces K logits by softmax - one-hot. */
void softmaxError(double* row, std::int64_t classes, std::int64_t label, Sums& sums) {
  const double largest = *std::max_element(row, row + classes);
  const double own = row[label];
  double total = 0;
  for (std::int64_t k = 0; k < classes; k++) total += row[k] = std::exp(row[k] - largest);
  double squares = 0;
  for (std::int64_t k = 0; k < classes; k++) {
    row[k] /= total;
    squares += row[k] * row[k];
  }
  row[label] -= 1;
  sums.loss += std::log(total) + largest - own;
  sums.uncertainty += 1 - squares;
}

/** Loops of our own over blocks of rows. */
class Regression {
 public:
  Regression(const at::Tensor& x, const at::Tensor& labels, const at::Tensor& mean, const at::Tensor& weights)
      : x_(x.data_ptr<float>()), labels_(labels.data_ptr<std::int32_t>()), mean_(mean.data_ptr<double>()), count_(x.size(0)), width_(x.size(1)), classes_(weights.size(0)),
        columns_(roundedUp(width_ + 1, kLanes64)), paddedClasses_(roundedUp(classes_, kLanes64)), transposed_(static_cast<std::size_t>((width_ + 1) * paddedClasses_)) {
    const double* const from = weights.data_ptr<double>();
    for (std::int64_t k = 0; k < classes_; k++) {
      for (std::int64_t m = 0; m <= width_; m++) transposed_[static_cast<std::size_t>(m * paddedClasses_ + k)] = from[k * (width_ + 1) + m];
    }
  }

  /** Writes the gradient [K, M]. */
  Sums evaluate(double* gradient) const {
    const std::int64_t blockRows = std::max<std::int64_t>(kTileRows, kBlockNumbers / columns_);
    // At least one block, also of no rows: it divides.
    const std::int64_t partRows = std::max(blockRows, roundedUp(chunksOf(count_, kPartials), blockRows));
    const std::int64_t parts = chunksOf(count_, partRows);
    std::vector<double> partials(static_cast<std::size_t>(parts * classes_ * columns_));
    std::vector<Sums> sums(static_cast<std::size_t>(parts));
    at::parallel_for(0, parts, 1, [&](std::int64_t first, std::int64_t last) {
      std::vector<double> block(static_cast<std::size_t>(blockRows * columns_));
      std::vector<double> errors(static_cast<std::size_t>(blockRows * paddedClasses_));
      for (std::int64_t part = first; part < last; part++) {
        const std::int64_t end = std::min(count_, (part + 1) * partRows);
        for (std::int64_t row = part * partRows; row < end; row += blockRows) {
          addBlock(row, std::min(blockRows, end - row), block.data(), errors.data(), partials.data() + part * classes_ * columns_, sums[static_cast<std::size_t>(part)]);
        }
      }
    });
    return gather(partials, sums, gradient);
  }

 private:
  void addBlock(std::int64_t row, std::int64_t rows, double* block, double* errors, double* partial, Sums& sums) const {
    for (std::int64_t i = 0; i < rows; i++) {
      const float* const from = x_ + (row + i) * width_;
      double* const to = block + i * columns_;
      INDEPENDENT
      for (std::int64_t d = 0; d < width_; d++) to[d] = static_cast<double>(from[d]) - mean_[d];
      to[width_] = 1;
    }
    multiply<Order::rows>(rows, paddedClasses_, Product<double>{width_ + 1, block, columns_, transposed_.data(), paddedClasses_, errors, paddedClasses_, false});
    for (std::int64_t i = 0; i < rows; i++) softmaxError(errors + i * paddedClasses_, classes_, labels_[row + i], sums);
    multiply<Order::columns>(classes_, columns_, Product<double>{rows, errors, paddedClasses_, block, columns_, partial, columns_, true});
  }

  Sums gather(const std::vector<double>& partials, const std::vector<Sums>& sums, double* gradient) const {
    std::fill(gradient, gradient + classes_ * (width_ + 1), 0.0);
    Sums all;
    const double* partial = partials.data();
    for (const Sums& some : sums) {
      all.loss += some.loss;
      all.uncertainty += some.uncertainty;
      for (std::int64_t k = 0; k < classes_; k++, partial += columns_) {
        INDEPENDENT
        for (std::int64_t m = 0; m <= width_; m++) gradient[k * (width_ + 1) + m] += partial[m];
      }
    }
    return all;
  }

  const float* x_;
  const std::int32_t* labels_;
  const double* mean_;
  std::int64_t count_;
  std::int64_t width_;
  std::int64_t classes_;
  /** Those of a block: M, up to whole vectors. */
  std::int64_t columns_;
  std::int64_t paddedClasses_;
  /** [M, K], up to whole vectors. */
  std::vector<double> transposed_;
};

Sums evaluateByOps(const at::Tensor& x, const at::Tensor& labels, const at::Tensor& mean, const at::Tensor& weights, const at::Tensor& gradient) {
  auto sums = at::zeros({2}, mean.options());
  gradient.zero_();
  overCentredRows(x, mean, [&](std::int64_t first, const at::Tensor& rows) {
    const auto label = labels.narrow(0, first, rows.size(0)).to(at::kLong).unsqueeze(1);
    const auto logarithms = at::log_softmax(at::matmul(rows, weights.t()), 1);
    auto probabilities = at::exp(logarithms);
    sums.sub_(at::stack({at::gather(logarithms, 1, label).sum(), at::square(probabilities).sum().sub(rows.size(0))}));
    probabilities.scatter_add_(1, label, at::full_like(label, -1, mean.options()));
    gradient.addmm_(probabilities.t(), rows);
  });
  sums = sums.cpu();
  return {sums[0].item<double>(), sums[1].item<double>()};
}

}  // namespace

// Sums as float64: the loss and the rows' uncertainty. Then the gradient [K, M] of the loss.
KERNEL(SoftmaxRegression) {
  const auto x = call.input(0);
  const auto labels = call.input(1);
  const auto mean = float64Input(call, 2, 1);
  const auto weights = float64Input(call, 3, 2);
  if (x.scalar_type() != at::kFloat || x.dim() != 2 || labels.scalar_type() != at::kInt || labels.dim() != 1) throw std::invalid_argument("float32 [N, D] and int32 [N] were expected");
  expectSize(labels, 0, x.size(0));
  expectSize(mean, 0, x.size(1));
  expectSize(weights, 1, x.size(1) + 1);
  if (x.size(0) > 0 && (labels.min().item<int>() < 0 || labels.max().item<int>() >= weights.size(0))) throw std::invalid_argument("a label is no class");
  const auto gradient = at::empty_like(weights);
  const Sums sums = onProcessor(x) ? Regression(x, labels, mean, weights).evaluate(gradient.data_ptr<double>()) : evaluateByOps(x, labels, mean, weights, gradient);
  float64Output(call, at::tensor({sums.loss, sums.uncertainty}, at::kDouble));
  float64Output(call, gradient);
}
