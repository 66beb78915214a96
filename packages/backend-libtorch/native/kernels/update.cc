// What runs over all parameters once a step, many tensors in one call: the gradients' norms, AdamW, the moving average.
#include <cmath>

#include "../loops.h"
#include "../registry.h"

namespace {

/** A part of one of many tensors. */
struct Span {
  std::size_t tensor;
  std::int64_t begin;
  std::int64_t end;
};

/** All tensors, cut into parts of at most `kElementsPerChunk` elements. */
std::vector<Span> spansOf(const std::vector<at::Tensor>& tensors) {
  std::vector<Span> spans;
  for (std::size_t i = 0; i < tensors.size(); i++) {
    for (std::int64_t begin = 0; begin < tensors[i].numel(); begin += kElementsPerChunk) {
      spans.push_back({i, begin, std::min(begin + kElementsPerChunk, tensors[i].numel())});
    }
  }
  return spans;
}

/** body(number of the span, span) for all parts of all tensors, in parallel. */
template <typename Body>
void overSpans(const std::vector<Span>& spans, Body body) {
  at::parallel_for(0, static_cast<std::int64_t>(spans.size()), kElementsPerThread / kElementsPerChunk, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; i++) body(i, spans[i]);
  });
}

std::vector<const float*> numbersOf(const std::vector<at::Tensor>& tensors) {
  std::vector<const float*> pointers;
  for (const at::Tensor& tensor : tensors) pointers.push_back(tensor.data_ptr<float>());
  return pointers;
}

std::vector<float*> roomsOf(const std::vector<at::Tensor>& tensors) {
  std::vector<float*> pointers;
  for (const at::Tensor& tensor : tensors) pointers.push_back(tensor.data_ptr<float>());
  return pointers;
}

/** Σ of the squares of each tensor, gathered in float64. */
std::vector<double> squareSums(const std::vector<at::Tensor>& tensors) {
  const auto spans = spansOf(tensors);
  const auto pointers = numbersOf(tensors);
  std::vector<double> parts(spans.size());
  overSpans(spans, [&](std::int64_t i, const Span& span) {
    const float* const x = pointers[span.tensor] + span.begin;
    parts[i] = sumOf(span.end - span.begin, [=](std::int64_t j) { return x[j] * x[j]; });
  });
  std::vector<double> sums(tensors.size(), 0.0);
  for (std::size_t i = 0; i < spans.size(); i++) sums[spans[i].tensor] += parts[i];
  return sums;
}

/** The norm over each group of `counts` tensors, [groups]. */
at::Tensor groupNorms(const std::vector<at::Tensor>& tensors, const std::vector<std::int64_t>& counts) {
  const auto sums = squareSums(tensors);
  const auto norms = at::empty({static_cast<std::int64_t>(counts.size())}, at::kFloat);
  auto next = sums.begin();
  for (std::size_t group = 0; group < counts.size(); group++) {
    double total = 0;
    for (std::int64_t i = 0; i < counts[group]; i++) total += *next++;
    norms.data_ptr<float>()[group] = static_cast<float>(std::sqrt(total));
  }
  return norms;
}

at::Tensor groupNormsByLibtorch(const std::vector<at::Tensor>& tensors, const std::vector<std::int64_t>& counts) {
  const auto each = at::stack(at::_foreach_norm(tensors, 2));
  std::vector<at::Tensor> norms;
  std::int64_t first = 0;
  for (const std::int64_t count : counts) {
    norms.push_back(at::norm(each.slice(0, first, first + count), 2));
    first += count;
  }
  return at::stack(norms);
}

/** Tensors of many parameters, in the order of the call's inputs. */
struct AdamW {
  std::vector<at::Tensor> parameters, gradients, firstMoments, secondMoments;
  std::vector<double> learningRates, weightDecays, gradientFactors;
  double beta1, beta2, epsilon, firstCorrection, secondCorrection;

  explicit AdamW(Call& call) {
    const std::size_t count = call.expectGroups(4);
    for (std::size_t i = 0; i < call.inputs(); i += 4) {
      parameters.push_back(call.variable(i));
      gradients.push_back(call.input(i + 1));
      firstMoments.push_back(call.variable(i + 2));
      secondMoments.push_back(call.variable(i + 3));
    }
    learningRates = call.numbers();
    weightDecays = call.numbers();
    gradientFactors = call.numbers();
    for (const auto* list : {&learningRates, &weightDecays, &gradientFactors}) {
      if (list->size() != count) throw std::invalid_argument("a number for each parameter was expected");
    }
    beta1 = call.number();
    beta2 = call.number();
    epsilon = call.number();
    firstCorrection = call.number();
    secondCorrection = call.number();
  }
};

/** The numbers of one parameter's step, as arXiv 1711.05101 has them in the order of torch.optim.AdamW. */
struct AdamWStep {
  float gradientFactor, kept, rate, beta1, newShare1, beta2, newShare2, rootScale, epsilon;

  AdamWStep(const AdamW& adamW, std::size_t i)
      : gradientFactor(static_cast<float>(adamW.gradientFactors[i])),
        kept(static_cast<float>(1 - adamW.learningRates[i] * adamW.weightDecays[i])),
        rate(static_cast<float>(adamW.learningRates[i] / adamW.firstCorrection)),
        beta1(static_cast<float>(adamW.beta1)),
        newShare1(static_cast<float>(1 - adamW.beta1)),
        beta2(static_cast<float>(adamW.beta2)),
        newShare2(static_cast<float>(1 - adamW.beta2)),
        rootScale(static_cast<float>(1 / std::sqrt(adamW.secondCorrection))),
        epsilon(static_cast<float>(adamW.epsilon)) {}

  void run(float* parameter, const float* gradient, float* firstMoment, float* secondMoment, std::int64_t count) const {
    const AdamWStep step = *this;
    INDEPENDENT
    for (std::int64_t i = 0; i < count; i++) {
      const float g = gradient[i] * step.gradientFactor;
      const float m = firstMoment[i] * step.beta1 + g * step.newShare1;
      const float v = secondMoment[i] * step.beta2 + g * g * step.newShare2;
      firstMoment[i] = m;
      secondMoment[i] = v;
      parameter[i] = parameter[i] * step.kept - m * step.rate / (std::sqrt(v) * step.rootScale + step.epsilon);
    }
  }
};

void update(const AdamW& adamW) {
  const auto parameters = roomsOf(adamW.parameters);
  const auto gradients = numbersOf(adamW.gradients);
  const auto firstMoments = roomsOf(adamW.firstMoments);
  const auto secondMoments = roomsOf(adamW.secondMoments);
  overSpans(spansOf(adamW.parameters), [&](std::int64_t, const Span& span) {
    const std::size_t i = span.tensor;
    AdamWStep(adamW, i).run(parameters[i] + span.begin, gradients[i] + span.begin, firstMoments[i] + span.begin,
                            secondMoments[i] + span.begin, span.end - span.begin);
  });
}

/** Bounds what LibTorch's ops need besides the parameters: two numbers for each element of so many at a time. */
constexpr std::int64_t kElementsPerUpdate = 1 << 25;

/** Parameters [begin, end) by LibTorch's own ops over many tensors. */
void updateByLibtorch(const AdamW& adamW, std::size_t begin, std::size_t end) {
  const auto part = [=](const std::vector<at::Tensor>& tensors) { return at::TensorList(tensors).slice(begin, end - begin); };
  std::vector<at::Scalar> factors, kept, rates;
  for (std::size_t i = begin; i < end; i++) {
    factors.emplace_back(adamW.gradientFactors[i]);
    kept.emplace_back(1 - adamW.learningRates[i] * adamW.weightDecays[i]);
    rates.emplace_back(-adamW.learningRates[i] / adamW.firstCorrection);
  }
  const auto gradients = at::_foreach_mul(part(adamW.gradients), factors);
  at::_foreach_mul_(part(adamW.firstMoments), adamW.beta1);
  at::_foreach_add_(part(adamW.firstMoments), gradients, 1 - adamW.beta1);
  at::_foreach_mul_(part(adamW.secondMoments), adamW.beta2);
  at::_foreach_addcmul_(part(adamW.secondMoments), gradients, gradients, 1 - adamW.beta2);
  const auto divisors = at::_foreach_sqrt(part(adamW.secondMoments));
  at::_foreach_mul_(divisors, 1 / std::sqrt(adamW.secondCorrection));
  at::_foreach_add_(divisors, adamW.epsilon);
  at::_foreach_mul_(part(adamW.parameters), kept);
  at::_foreach_addcdiv_(part(adamW.parameters), part(adamW.firstMoments), divisors, rates);
}

void updateByLibtorch(const AdamW& adamW) {
  const std::size_t count = adamW.parameters.size();
  for (std::size_t begin = 0; begin < count;) {
    std::int64_t elements = adamW.parameters[begin].numel();
    std::size_t end = begin + 1;
    while (end < count && elements + adamW.parameters[end].numel() <= kElementsPerUpdate) elements += adamW.parameters[end++].numel();
    updateByLibtorch(adamW, begin, end);
    begin = end;
  }
}

void moveTowards(float* teacher, const float* student, float momentum, float newShare, std::int64_t count) {
  INDEPENDENT
  for (std::int64_t i = 0; i < count; i++) teacher[i] = teacher[i] * momentum + student[i] * newShare;
}

}  // namespace

KERNEL(GlobalNorm) {
  call.expectGroups(1);
  std::vector<at::Tensor> tensors;
  for (std::size_t i = 0; i < call.inputs(); i++) tensors.push_back(call.input(i));
  const auto counts = call.integers();
  std::int64_t counted = 0;
  for (const std::int64_t count : counts) {
    if (count < 0 || count > static_cast<std::int64_t>(tensors.size())) throw std::invalid_argument("a count is no number of tensors");
    counted += count;
  }
  if (counted != static_cast<std::int64_t>(tensors.size())) throw std::invalid_argument("the counts do not add up to the tensors");
  call.output(onProcessor(tensors[0]) ? groupNorms(tensors, counts) : groupNormsByLibtorch(tensors, counts));
}

KERNEL(AdamWUpdate) {
  const AdamW adamW(call);
  if (onProcessor(adamW.parameters[0])) update(adamW);
  else updateByLibtorch(adamW);
}

KERNEL(AddInPlace) {
  call.expect({"*", "="});
  call.variable(0).add_(call.stored(1));
}

KERNEL(EmaUpdate) {
  call.expectGroups(2);
  std::vector<at::Tensor> teachers;
  std::vector<at::Tensor> students;
  for (std::size_t i = 0; i < call.inputs(); i += 2) {
    teachers.push_back(call.variable(i));
    students.push_back(call.input(i + 1));
  }
  const double momentum = call.number();
  if (!onProcessor(teachers[0])) {
    at::_foreach_mul_(teachers, momentum);
    return at::_foreach_add_(teachers, students, 1 - momentum);
  }
  const auto to = roomsOf(teachers);
  const auto from = numbersOf(students);
  overSpans(spansOf(teachers), [&](std::int64_t, const Span& span) {
    moveTowards(to[span.tensor] + span.begin, from[span.tensor] + span.begin, static_cast<float>(momentum), static_cast<float>(1 - momentum),
                span.end - span.begin);
  });
}
