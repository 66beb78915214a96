// The cross-entropy over the prototypes and its gradient, and the teacher's probabilities, from what the prototypes are multiplied
// by. The prototypes are taken a block at a time: a block of them, converted to the precision of products, its logits and its
// gradient stay in the cache between the steps, and no copy of all prototypes is made.
// R rows, D width, K prototypes.
#include "../cross-entropy.h"
#include "../product.h"
#include "../registry.h"
#include "../tile-packing.h"

namespace {

/** Prototypes of a block; on a GPU all are one. */
constexpr std::int64_t kBlock = 4096;

/** Products of so many rows, or a multiple: each batch has another number of rows, and the library compiles a product for each size. */
constexpr std::int64_t kRowsTogether = 16;

/** x, with rows of zeros behind its own up to such a number. */
at::Tensor filledUp(const at::Tensor& x) {
  const std::int64_t missing = roundedUp(x.size(0), kRowsTogether) - x.size(0);
  return missing == 0 || !onProcessor(x) ? x : at::constant_pad_nd(x, {0, 0, 0, missing});
}

/** Prototypes [K, D] that are multiplied by `scale` row by row, and where they are cut. */
struct Prototypes {
  const at::Tensor& v;
  const at::Tensor& scale;
  std::int64_t block;

  Prototypes(const at::Tensor& v, const at::Tensor& scale) : v(v), scale(scale), block(onProcessor(v) ? kBlock : v.size(0)) {}

  std::int64_t count() const { return v.size(0); }
  std::int64_t blocks() const { return chunksOf(count(), block); }
  std::int64_t start(std::int64_t b) const { return b * block; }
  std::int64_t size(std::int64_t b) const { return std::min(block, count() - start(b)); }
  at::Tensor of(const at::Tensor& tensor, std::int64_t b) const { return tensor.narrow(0, start(b), size(b)); }
  /** Block `b` as an operand of products. */
  at::Tensor operand(std::int64_t b) const { return of(v, b).to(productType()); }
  /** x vᵀ, without the scale. */
  at::Tensor product(const at::Tensor& x, std::int64_t b) const { return linearProduct(x, operand(b), {}); }
};

/** to = (product * scale - center) / temperature, and the largest of each row so far. */
template <typename T>
void centeredRow(const T* product, const float* scale, const float* center, float inverseTemperature, float* to, std::int64_t width, float& largest) {
  float most = largest;
#pragma omp simd reduction(max : most)
  for (std::int64_t i = 0; i < width; i++) {
    const float logit = (widened(product[i]) * scale[i] - center[i]) * inverseTemperature;
    to[i] = logit;
    most = logit > most ? logit : most;
  }
  largest = most;
}

/** Softmax of a row in place, whose largest number is known. */
void softmaxRow(float* row, float largest, std::int64_t width) {
  double total = 0;
  for (std::int64_t begin = 0; begin < width; begin += kColumnsPerBlock) {
    const std::int64_t end = std::min(begin + kColumnsPerBlock, width);
    float part = 0;
#pragma omp simd reduction(+ : part)
    for (std::int64_t i = begin; i < end; i++) {
      const float power = vectorExp(row[i] - largest);
      row[i] = power;
      part += power;
    }
    total += part;
  }
  const auto factor = static_cast<float>(1 / total);
  INDEPENDENT
  for (std::int64_t i = 0; i < width; i++) row[i] *= factor;
}

at::Tensor targets(const at::Tensor& x, const Prototypes& prototypes, const at::Tensor& center, double temperature) {
  const std::int64_t rows = x.size(0);
  const std::int64_t width = prototypes.count();
  const auto probabilities = at::empty({rows, width}, prototypes.scale.options());
  float* const to = probabilities.data_ptr<float>();
  const auto inverse = static_cast<float>(1 / temperature);
  std::vector<float> largest(static_cast<std::size_t>(rows), std::numeric_limits<float>::lowest());
  const auto filled = filledUp(x);
  for (std::int64_t b = 0; b < prototypes.blocks(); b++) {
    const std::int64_t start = prototypes.start(b);
    const std::int64_t size = prototypes.size(b);
    const float* const scales = prototypes.scale.data_ptr<float>() + start;
    const float* const centers = center.data_ptr<float>() + start;
    const auto product = prototypes.product(filled, b);
    withNumbers(product, [&](const auto* from) {
      overRows(rows, size, [&](std::int64_t row) {
        centeredRow(from + row * size, scales, centers, inverse, to + row * width + start, size, largest[row]);
      });
    });
  }
  overRows(rows, width * kExponentialWork, [&](std::int64_t row) { softmaxRow(to + row * width, largest[row], width); });
  return probabilities;
}

/** What the gradient of a row needs of the whole row. */
struct Row {
  float logSumExp;
  float mass;
  /** weight / temperature */
  float factor;
};

/** The losses of rows whose products are there, block by block. */
std::vector<Row> rowLosses(const std::vector<at::Tensor>& products, const Prototypes& prototypes, const at::Tensor& teacher, const at::Tensor& weights, double temperature, const at::Tensor& losses) {
  const std::int64_t width = prototypes.count();
  const float* const scales = prototypes.scale.data_ptr<float>();
  const float* const ofRows = weights.data_ptr<float>();
  float* const to = losses.data_ptr<float>();
  std::vector<Row> result(static_cast<std::size_t>(teacher.size(0)));
  withNumbers(teacher, [&](const auto* t) {
    overRows(teacher.size(0), width * kExponentialWork, [&](std::int64_t row) {
      CrossEntropySums sums;
      for (std::int64_t b = 0; b < prototypes.blocks(); b++) {
        const std::int64_t size = prototypes.size(b);
        const float* const scale = scales + prototypes.start(b);
        withNumbers(products[b], [&](const auto* numbers) {
          const auto logit = [from = numbers + row * size, scale](std::int64_t i) { return widened(from[i]) * scale[i]; };
          sums.add(logit, t + row * width + prototypes.start(b), size, static_cast<float>(1 / temperature));
        });
      }
      to[row] = ofRows[row] * sums.loss(temperature);
      result[row] = {sums.logSumExp(temperature), static_cast<float>(sums.mass), static_cast<float>(ofRows[row] / temperature)};
    });
  });
  return result;
}

/** Writes the gradient of a block's products over them, in the rows that there are. */
void productGradient(const at::Tensor& product, const Prototypes& prototypes, std::int64_t b, const at::Tensor& teacher, const std::vector<Row>& rows, double temperature) {
  const std::int64_t width = prototypes.count();
  const std::int64_t size = prototypes.size(b);
  const std::int64_t start = prototypes.start(b);
  const float* const scales = prototypes.scale.data_ptr<float>() + start;
  const auto inverse = static_cast<float>(1 / temperature);
  withRoom(product, [&](auto* numbers) {
    withNumbers(teacher, [&](const auto* probabilities) {
      overRows(teacher.size(0), size * kExponentialWork, [&](std::int64_t r) {
        auto* const to = numbers + r * size;
        const auto* const t = probabilities + r * width + start;
        const Row row = rows[r];
        INDEPENDENT
        for (std::int64_t i = 0; i < size; i++) {
          const float probability = vectorExp(widened(to[i]) * scales[i] * inverse - row.logSumExp);
          store(to + i, (probability * row.mass - widened(t[i])) * row.factor * scales[i]);
        }
      });
    });
  });
}

/** sum += term, or sum = term for the first. In one pass, where LibTorch would widen a bfloat16 term to a tensor first. */
void addTerm(const at::Tensor& sum, const at::Tensor& term, bool first) {
  if (!onProcessor(sum)) {
    if (first) sum.copy_(term);
    else sum.add_(term);
    return;
  }
  const auto numbers = term.contiguous();
  float* const to = sum.data_ptr<float>();
  withNumbers(numbers, [&](const auto* from) {
    overElements(sum.numel(), [=](std::int64_t begin, std::int64_t end) {
      INDEPENDENT
      for (std::int64_t i = begin; i < end; i++) to[i] = first ? widened(from[i]) : to[i] + widened(from[i]);
    });
  });
}

/** A block's part of both gradients, from the gradient of its products. Rows of zeros in x add nothing to the one of the prototypes. */
void addBlock(const at::Tensor& dProduct, const Prototypes& prototypes, std::int64_t b, const at::Tensor& x, bool first, const at::Tensor& dx, const at::Tensor& dV) {
  addTerm(dx, product(dProduct, prototypes.operand(b)).narrow(0, 0, dx.size(0)), b == 0);
  addTerm(prototypes.of(dV, b), product(dProduct.t(), x), first);
}

/** The same by LibTorch's ops: one block. */
void lossByLibtorch(const at::Tensor& logits, const at::Tensor& teacher, const at::Tensor& weights, const Prototypes& prototypes, double temperature, bool gradient, at::Tensor& losses, at::Tensor& dProduct) {
  auto scaled = at::mul(logits, prototypes.scale).to(at::kFloat).div_(temperature);
  const auto logSumExp = at::logsumexp(scaled, {1}, true);
  losses = at::sub(logSumExp, scaled).mul_(teacher).sum({1}).mul_(weights);
  if (!gradient) return;
  const auto mass = at::sum(teacher, {1}, true, at::kFloat);
  const auto dLogits = scaled.sub_(logSumExp).exp_().mul_(mass).sub_(teacher).mul_(at::div(weights, temperature).unsqueeze(1));
  dProduct = dLogits.mul_(prototypes.scale).to(logits.scalar_type());
}

}  // namespace

KERNEL(PrototypeTargets) {
  call.expect({"R D", "K D", "K", "K"});
  const auto x = call.stored(0);
  const auto v = call.input(1);
  const auto scale = call.input(2);
  const auto center = call.input(3);
  const double temperature = call.number();
  const Prototypes prototypes(v, scale);
  if (onProcessor(x)) return call.output(targets(x, prototypes, center, temperature));
  const auto logits = at::mul(prototypes.product(x, 0), scale).to(at::kFloat);
  call.output(at::softmax(logits.sub_(center).div_(temperature), 1));
}

// Flags: whether gradients are wanted; whether the one of v is added to input 5 where it is, and no output.
KERNEL(PrototypeLoss) {
  call.expect({"R D", "K D", "K", "R K", "R", "?K D"});
  const std::int64_t count = call.stored(0).size(0);
  const auto x = filledUp(call.stored(0).to(productType()));
  const auto v = call.input(1);
  const auto scale = call.input(2);
  const at::Tensor& teacher = call.stored(3);
  const auto weights = call.input(4);
  const double temperature = call.number();
  const bool gradient = call.flag();
  const bool inPlace = call.flag();
  const Prototypes prototypes(v, scale);
  std::vector<at::Tensor> products;
  for (std::int64_t b = 0; b < prototypes.blocks(); b++) products.push_back(prototypes.product(x, b));

  const bool loops = onProcessor(x);
  auto losses = at::empty({count}, weights.options());
  std::vector<Row> rows;
  if (loops) rows = rowLosses(products, prototypes, teacher, weights, temperature, losses);
  else lossByLibtorch(products[0], teacher, weights, prototypes, temperature, gradient, losses, products[0]);
  call.output(losses);
  if (!gradient) return;

  const bool first = !call.has(5);
  const auto dV = first ? at::empty_like(v) : inPlace ? call.variable(5) : call.input(5).clone();
  const auto dx = at::empty({count, x.size(1)}, weights.options());
  for (std::int64_t b = 0; b < prototypes.blocks(); b++) {
    if (loops) productGradient(products[b], prototypes, b, teacher, rows, temperature);
    addBlock(products[b], prototypes, b, x, first, dx, dV);
    products[b].reset();
  }
  call.output(dx);
  if (first || !inPlace) call.output(dV);
}
