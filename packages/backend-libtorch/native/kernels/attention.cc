// Attention over packed sequences that do not see one another: on the processor in tiles of our own, elsewhere by LibTorch.
//
// LibTorch 1.13 has no flash attention for the processor, and 2.13's is slower than the tiles everywhere. Forward and backward
// on one core (AMD, AVX-512), heads of 64, GFLOP/s of ours and of flash attention, beside those of a large product:
//                   16 × 257   8 × 257 + 32 × 50   2 × 1370   64 × 50   product
//   float32          86 : 74             79 : 68    97 : 77   53 : 44       106
//   bfloat16        145 : 56            130 : 40   168 : 87   86 : 15       215
#include "../attention-libtorch.h"
#include "../attention-tiles.h"
#include "../registry.h"

namespace {

/** Attributes: count and length of each segment in turn; heads. */
PackedSequences sequencesOf(Call& call, const at::Tensor& qkv) {
  const auto sizes = call.integers();
  PackedSequences sequences;
  sequences.heads = call.integer();
  if (sequences.heads < 1 || qkv.size(1) % (3 * sequences.heads) != 0) {
    throw std::invalid_argument(std::to_string(qkv.size(1)) + " columns of qkv do not divide into 3 × " + std::to_string(sequences.heads) + " heads");
  }
  sequences.width = qkv.size(1) / (3 * sequences.heads);
  std::int64_t start = 0;
  for (std::size_t i = 0; i + 1 < sizes.size(); i += 2) {
    sequences.segments.push_back({start, sizes[i], sizes[i + 1]});
    if (sizes[i] < 1 || sizes[i + 1] < 1 || sizes[i] > qkv.size(0) || sizes[i + 1] > qkv.size(0)) throw std::invalid_argument("a segment is no part of qkv");
    start += sizes[i] * sizes[i + 1];
  }
  if (start != qkv.size(0)) throw std::invalid_argument("the segments cover " + std::to_string(start) + " rows of qkv");
  return sequences;
}

}  // namespace

KERNEL(BlockDiagonalAttention) {
  call.expect({"T 3D"});
  const auto qkv = call.stored(0).to(productType());
  const auto sequences = sequencesOf(call, qkv);
  const auto output = at::empty({qkv.size(0), qkv.size(1) / 3}, qkv.options());
  const auto logSumExp = at::empty({sequences.heads, qkv.size(0)}, qkv.options().dtype(at::kFloat));
  const auto attention = onProcessor(qkv) ? attentionByTiles : attentionByLibtorch;
  attention(qkv, sequences, output, logSumExp);
  call.output(output);
  call.output(logSumExp);
}

KERNEL(BlockDiagonalAttentionGrad) {
  call.expect({"T D", "T 3D", "T D", "H T"});
  const auto dy = call.stored(0).to(productType());
  const auto qkv = call.stored(1).to(productType());
  const auto output = call.stored(2).to(productType());
  const auto logSumExp = call.input(3);
  const auto dQkv = at::empty_like(qkv);
  const auto sequences = sequencesOf(call, qkv);
  if (logSumExp.size(0) != sequences.heads) throw std::invalid_argument("logSumExp is of other heads");
  const auto gradient = onProcessor(qkv) ? attentionGradientByTiles : attentionGradientByLibtorch;
  gradient(dy, qkv, output, logSumExp, sequences, dQkv);
  call.output(dQkv);
}
