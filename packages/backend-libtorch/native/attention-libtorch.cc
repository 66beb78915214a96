// Legend: T tokens of all sequences, D width, H heads, d = D / H, C sequences of a segment, L their length.
#include "attention-libtorch.h"

#include <array>
#include <limits>

namespace {

/** Bytes of scores that the definition makes at a time; those of one head of one sequence may be more. */
constexpr std::int64_t kScoreBytes = 32 << 20;

/** q, k and v, or their gradients. */
using Parts = std::vector<at::Tensor>;

/** The rows of a segment as views [C,H,L,d]: three of [T,3D], one of [T,D]. */
Parts headsOf(const at::Tensor& rows, const Segment& segment, const PackedSequences& sequences) {
  const auto& [start, count, length] = segment;
  return rows.narrow(0, start, count * length).view({count, length, -1, sequences.heads, sequences.width}).permute({2, 0, 3, 1, 4}).unbind(0);
}

/** The log-sum-exp of a segment as a view [C,H,L] of [H,T]. */
at::Tensor statisticsOf(const at::Tensor& logSumExp, const Segment& segment) {
  const auto& [start, count, length] = segment;
  return logSumExp.narrow(1, start, count * length).view({-1, count, length}).transpose(0, 1);
}

/** body(cut) for parts of [C,H,…] whose scores take kScoreBytes at most; cut(x) is the part of x, in float32. */
template <typename Body>
void overCuts(const Segment& segment, std::int64_t heads, Body body) {
  const std::int64_t most = std::max<std::int64_t>(1, kScoreBytes / (segment.length * segment.length * static_cast<std::int64_t>(sizeof(float))));
  const std::int64_t sequencesAtOnce = std::max<std::int64_t>(1, most / heads);
  for (std::int64_t i = 0; i < segment.count; i += sequencesAtOnce) {
    for (std::int64_t h = 0; h < heads; h += most) {
      body([&](const at::Tensor& x) {
        return x.narrow(0, i, std::min(sequencesAtOnce, segment.count - i)).narrow(1, h, std::min(most, heads - h));
      });
    }
  }
}

/** The definition computes in float32: sums over keys in bfloat16 would lose the digits of the log-sum-exp. */
at::Tensor widen(const at::Tensor& x) { return x.to(at::kFloat); }

void define(const Parts& qkv, const Segment& segment, const PackedSequences& sequences, const at::Tensor& output, const at::Tensor& logSumExp) {
  overCuts(segment, sequences.heads, [&](const auto& cut) {
    auto scores = at::matmul(widen(cut(qkv[0])), widen(cut(qkv[1])).transpose(2, 3)).mul_(sequences.scale());
    const auto sums = at::logsumexp(scores, 3, true);
    cut(logSumExp).copy_(sums.squeeze(3));
    cut(output).copy_(at::matmul(scores.sub_(sums).exp_(), widen(cut(qkv[2]))));
  });
}

void defineGradient(const at::Tensor& dy, const Parts& qkv, const at::Tensor& output, const at::Tensor& logSumExp, const Segment& segment,
                    const PackedSequences& sequences, const Parts& dQkv) {
  const double scale = sequences.scale();
  overCuts(segment, sequences.heads, [&](const auto& cut) {
    const auto q = widen(cut(qkv[0]));
    const auto k = widen(cut(qkv[1]));
    const auto dOutput = widen(cut(dy));
    const auto along = (dOutput * widen(cut(output))).sum(3, true);
    const auto probabilities = at::matmul(q, k.transpose(2, 3)).mul_(scale).sub_(cut(logSumExp).unsqueeze(3)).exp_();
    cut(dQkv[2]).copy_(at::matmul(probabilities.transpose(2, 3), dOutput));
    const auto dScores = at::matmul(dOutput, widen(cut(qkv[2])).transpose(2, 3)).sub_(along).mul_(probabilities).mul_(scale);
    cut(dQkv[0]).copy_(at::matmul(dScores, k));
    cut(dQkv[1]).copy_(at::matmul(dScores.transpose(2, 3), q));
  });
}

#if LIBTORCH_VERSION >= 20000

/** What the fused kernels of an NVIDIA GPU take: rows that begin at whole words of 16 bytes, heads of up to 256. */
bool takesFused(const at::Tensor& qkv, const PackedSequences& sequences) {
  return qkv.device().is_cuda() && at::globalContext().hasCUDA() && sequences.width % 8 == 0 && sequences.width <= 256;
}

/** Flash attention computes in bfloat16 alone; the memory-efficient one in float32 too. */
bool takesFlash(const at::Tensor& qkv) { return qkv.scalar_type() == at::kBFloat16; }

void fuse(const Parts& qkv, const Segment& segment, const PackedSequences& sequences, const at::Tensor& output, const at::Tensor& logSumExp) {
  const auto give = [&](const at::Tensor& result, const at::Tensor& sums) {
    output.copy_(result);
    logSumExp.copy_(sums.narrow(2, 0, segment.length));
  };
  if (takesFlash(qkv[0])) {
    const auto results = at::_scaled_dot_product_flash_attention(qkv[0], qkv[1], qkv[2], 0.0, false, false, sequences.scale());
    give(std::get<0>(results), std::get<1>(results));
  } else {
    const auto results = at::_scaled_dot_product_efficient_attention(qkv[0], qkv[1], qkv[2], {}, true, 0.0, false, sequences.scale());
    give(std::get<0>(results), std::get<1>(results));
  }
}

/** The memory-efficient kernel reads its log-sum-exp in rows of whole 32, filled up with infinity (a probability of 0). */
at::Tensor filledUp(const at::Tensor& logSumExp) {
  const std::int64_t missing = (32 - logSumExp.size(2) % 32) % 32;
  return at::constant_pad_nd(logSumExp, {0, missing}, std::numeric_limits<double>::infinity()).contiguous();
}

void fuseGradient(const at::Tensor& dy, const Parts& qkv, const at::Tensor& output, const at::Tensor& logSumExp, const Segment& segment,
                  const PackedSequences& sequences, const Parts& dQkv) {
  const double scale = sequences.scale();
  // The state of random numbers: read only under dropout.
  const auto state = at::zeros({2}, qkv[0].options().dtype(at::kLong));
  const auto give = [&](const auto& gradients) {
    dQkv[0].copy_(std::get<0>(gradients));
    dQkv[1].copy_(std::get<1>(gradients));
    dQkv[2].copy_(std::get<2>(gradients));
  };
  if (takesFlash(qkv[0])) {
    give(at::_scaled_dot_product_flash_attention_backward(dy, qkv[0], qkv[1], qkv[2], output, logSumExp.contiguous(), {}, {}, segment.length,
                                                          segment.length, 0.0, false, state, state, scale));
  } else {
    give(at::_scaled_dot_product_efficient_attention_backward(dy, qkv[0], qkv[1], qkv[2], {}, output, filledUp(logSumExp), state, state, 0.0,
                                                              {true, true, true, false}, false, scale));
  }
}

#else

// LibTorch 1 has none that gives the log-sum-exp.
constexpr bool takesFused(const at::Tensor&, const PackedSequences&) { return false; }
template <typename... Operands>
void fuse(const Operands&...) {}
template <typename... Operands>
void fuseGradient(const Operands&...) {}

#endif

}  // namespace

void attentionByLibtorch(const at::Tensor& qkv, const PackedSequences& sequences, const at::Tensor& output, const at::Tensor& logSumExp) {
  for (const Segment& segment : sequences.segments) {
    const auto parts = headsOf(qkv, segment, sequences);
    const auto to = headsOf(output, segment, sequences).front();
    const auto sums = statisticsOf(logSumExp, segment);
    if (takesFused(qkv, sequences)) fuse(parts, segment, sequences, to, sums);
    else define(parts, segment, sequences, to, sums);
  }
}

void attentionGradientByLibtorch(const at::Tensor& dy, const at::Tensor& qkv, const at::Tensor& output, const at::Tensor& logSumExp,
                                 const PackedSequences& sequences, const at::Tensor& dQkv) {
  for (const Segment& segment : sequences.segments) {
    const auto dOutput = headsOf(dy, segment, sequences).front();
    const auto parts = headsOf(qkv, segment, sequences);
    const auto from = headsOf(output, segment, sequences).front();
    const auto sums = statisticsOf(logSumExp, segment);
    const auto to = headsOf(dQkv, segment, sequences);
    if (takesFused(qkv, sequences)) fuseGradient(dOutput, parts, from, sums, segment, sequences, to);
    else defineGradient(dOutput, parts, from, sums, segment, sequences, to);
  }
}
