// The losses' work on rows of K prototypes, 65 thousand and more: the cross-entropy of a student's logits against a teacher's
// probabilities, and the teacher's Sinkhorn-Knopp assignment. R rows. Memory is the limit here, so each reads its rows as
// seldom as it can, and makes no [R, K] besides its result.
#include "../cross-entropy.h"
#include "../registry.h"

namespace {

void crossEntropy(Call& call, const at::Tensor& student, const at::Tensor& teacher, double temperature) {
  const std::int64_t rows = student.size(0);
  const std::int64_t width = student.size(1);
  const auto options = student.options().dtype(at::kFloat);
  const at::Tensor results[] = {at::empty({rows}, options), at::empty({rows}, options), at::empty({rows}, options)};
  float* const losses = results[0].data_ptr<float>();
  float* const logSumExps = results[1].data_ptr<float>();
  float* const masses = results[2].data_ptr<float>();
  withNumbers(student, [&](const auto* s) {
    withNumbers(teacher, [&](const auto* t) {
      overRows(rows, width * kExponentialWork, [=](std::int64_t row) {
        CrossEntropySums sums;
        sums.add([from = s + row * width](std::int64_t i) { return widened(from[i]); }, t + row * width, width, static_cast<float>(1 / temperature));
        losses[row] = sums.loss(temperature);
        logSumExps[row] = sums.logSumExp(temperature);
        masses[row] = static_cast<float>(sums.mass);
      });
    });
  });
  for (const at::Tensor& result : results) call.output(result);
}

/** factor (mass e^(student / temperature - logSumExp) - teacher), one row, stored as the student is. */
template <typename S, typename T>
void crossEntropyGradientRow(const S* student, const T* teacher, float inverseTemperature, float logSumExp, float mass, float factor, S* to, std::int64_t width) {
  INDEPENDENT
  for (std::int64_t i = 0; i < width; i++) {
    const float probability = vectorExp(widened(student[i]) * inverseTemperature - logSumExp);
    store(to + i, (probability * mass - widened(teacher[i])) * factor);
  }
}

/** Writes the gradient to `dStudent`, which may be `student` itself: each number is read before it is written. */
void crossEntropyGradient(const at::Tensor& dy, const at::Tensor& student, const at::Tensor& teacher, const at::Tensor& logSumExp, const at::Tensor& mass, double temperature, const at::Tensor& dStudent) {
  const std::int64_t width = student.size(1);
  const float* const gradients = dy.data_ptr<float>();
  const float* const logSumExps = logSumExp.data_ptr<float>();
  const float* const masses = mass.data_ptr<float>();
  const auto inverse = static_cast<float>(1 / temperature);
  withNumbers(student, [&](const auto* s) {
    withNumbers(teacher, [&](const auto* t) {
      auto* to = roomOf(dStudent, s);
      overRows(student.size(0), width * kExponentialWork, [=](std::int64_t row) {
        const std::int64_t at = row * width;
        crossEntropyGradientRow(s + at, t + at, inverse, logSumExps[row], masses[row], gradients[row] * inverse, to + at, width);
      });
    });
  });
}

/** e[r, k] = e^((logits[r, k] - the largest of column k) / temperature) and its sums over the rows, a few columns at a time. */
template <typename T>
void columnExponentials(const T* logits, float* e, float* sums, std::int64_t rows, std::int64_t width, float inverseTemperature) {
  constexpr std::int64_t kColumns = kColumnsPerBlock / 2;
  const std::int64_t grain = std::max<std::int64_t>(1, kElementsPerThread / kExponentialWork / (rows * kColumns));
  at::parallel_for(0, chunksOf(width, kColumns), grain, [=](std::int64_t first, std::int64_t last) {
    float largest[kColumns];
    for (std::int64_t block = first; block < last; block++) {
      const std::int64_t begin = block * kColumns;
      const std::int64_t columns = std::min(kColumns, width - begin);
      std::fill(largest, largest + columns, std::numeric_limits<float>::lowest());
      std::fill(sums + begin, sums + begin + columns, 0.0f);
      for (std::int64_t row = 0; row < rows; row++) {
        const T* from = logits + row * width + begin;
        INDEPENDENT
        for (std::int64_t k = 0; k < columns; k++) largest[k] = widened(from[k]) > largest[k] ? widened(from[k]) : largest[k];
      }
      for (std::int64_t row = 0; row < rows; row++) {
        const T* from = logits + row * width + begin;
        float* to = e + row * width + begin;
        float* sum = sums + begin;
        INDEPENDENT
        for (std::int64_t k = 0; k < columns; k++) {
          to[k] = vectorExp((widened(from[k]) - largest[k]) * inverseTemperature);
          sum[k] += to[k];
        }
      }
    }
  });
}

/** Σ_k row[k] v[k] */
float alongRow(const float* row, const float* v, std::int64_t width) {
  return static_cast<float>(sumOf(width, [=](std::int64_t k) { return row[k] * v[k]; }));
}

/** sums[k] = Σ_r e[r, k] / (e[r] · v): what the columns add up to once the rows have been scaled. */
void scaledColumnSums(const float* e, const float* v, float* sums, std::int64_t rows, std::int64_t width) {
  sumOverRows(rows, width, sums, [=](std::int64_t begin, std::int64_t end, float* partial) {
    for (std::int64_t r = begin; r < end; r++) {
      const float* row = e + r * width;
      const float scale = 1.0f / alongRow(row, v, width);
      INDEPENDENT
      for (std::int64_t k = 0; k < width; k++) partial[k] += scale * row[k];
    }
  });
}

// As the portable definition, Q = diag(u) E diag(v). The factors 1/K and 1/R of the two steps cancel in the result, whose
// rows sum to 1, so they are left out: v = 1 / column sums, u = 1 / row sums.
at::Tensor sinkhornKnopp(const at::Tensor& logits, double temperature, std::int64_t iterations) {
  const std::int64_t rows = logits.size(0);
  const std::int64_t width = logits.size(1);
  const auto assignment = at::empty_like(logits, logits.options().dtype(at::kFloat));
  float* const e = assignment.data_ptr<float>();
  std::vector<float> sums(static_cast<std::size_t>(width));
  std::vector<float> v(sums.size());
  withNumbers(logits, [&](const auto* from) { columnExponentials(from, e, sums.data(), rows, width, static_cast<float>(1 / temperature)); });
  for (std::int64_t iteration = 0;; iteration++) {
    for (std::int64_t k = 0; k < width; k++) v[k] = 1.0f / sums[k];
    if (iteration + 1 == iterations) break;
    scaledColumnSums(e, v.data(), sums.data(), rows, width);
  }
  overRows(rows, width, [=, &v](std::int64_t r) {
    float* row = e + r * width;
    const float* columns = v.data();
    const float scale = 1.0f / alongRow(row, columns, width);
    INDEPENDENT
    for (std::int64_t k = 0; k < width; k++) row[k] *= columns[k] * scale;
  });
  return assignment;
}

at::Tensor sinkhornKnoppByLibtorch(const at::Tensor& logits, double temperature, std::int64_t iterations) {
  auto e = at::sub(logits, at::amax(logits, {0}, true)).div_(temperature).exp_();
  auto u = at::ones({e.size(0)}, e.options());
  at::Tensor v;
  for (std::int64_t iteration = 0; iteration < iterations; iteration++) {
    v = at::mv(e.t(), u).reciprocal_();
    u = at::mv(e, v).reciprocal_();
  }
  return e.mul_(v).mul_(u.unsqueeze(1));
}

}  // namespace

KERNEL(PrototypeCrossEntropy) {
  call.expect({"R K", "R K"});
  const at::Tensor& student = call.stored(0);
  const at::Tensor& teacher = call.stored(1);
  const double temperature = call.number();
  if (onProcessor(student)) return crossEntropy(call, student, teacher, temperature);
  auto scaled = at::div(call.input(0), temperature);
  const auto logSumExp = at::logsumexp(scaled, {1});
  call.output(at::sub(logSumExp.unsqueeze(1), scaled).mul_(teacher).sum({1}));
  call.output(logSumExp);
  call.output(at::sum(teacher, {1}, false, at::kFloat));
}

KERNEL(PrototypeCrossEntropyGrad) {
  call.expect({"R", "R K", "R K", "R", "R"});
  const auto dy = call.input(0);
  const at::Tensor& student = call.stored(1);
  const at::Tensor& teacher = call.stored(2);
  const auto logSumExp = call.input(3);
  const auto mass = call.input(4);
  const double temperature = call.number();
  const bool inPlace = call.flag();
  const auto dStudent = inPlace ? student : at::empty_like(student);
  if (onProcessor(student)) {
    crossEntropyGradient(dy, student, teacher, logSumExp, mass, temperature, dStudent);
  } else {
    auto gradient = at::div(call.input(1), temperature).sub_(logSumExp.unsqueeze(1)).exp_();
    dStudent.copy_(gradient.mul_(mass.unsqueeze(1)).sub_(teacher).mul_(at::div(dy, temperature).unsqueeze(1)));
  }
  if (!inPlace) call.output(dStudent);
}

KERNEL(SinkhornKnopp) {
  call.expect({"R K"});
  const at::Tensor& logits = call.stored(0);
  const double temperature = call.number();
  const std::int64_t iterations = call.integer();
  if (iterations < 1) throw std::invalid_argument(std::to_string(iterations) + " iterations; at least 1 is needed");
  call.output(onProcessor(logits) ? sinkhornKnopp(logits, temperature, iterations)
                                  : sinkhornKnoppByLibtorch(call.input(0), temperature, iterations));
}
