// Attention over packed sequences in tiles, for the processor: never more than a block of scores of one sequence and head.
#pragma once

#include "libtorch.h"

/** `count` sequences of `length` tokens each, the first of which begins at row `start`. */
struct Segment {
  std::int64_t start;
  std::int64_t count;
  std::int64_t length;
};

struct PackedSequences {
  std::vector<Segment> segments;
  std::int64_t heads;
  /** Numbers of one head: q, k and v are [tokens, heads * width] each, side by side. */
  std::int64_t width;

  double scale() const;
};

/** Writes `output` [T,D], of the type of `qkv` [T,3D], and `logSumExp` [heads,T] of the scaled scores in float32. */
void attentionByTiles(const at::Tensor& qkv, const PackedSequences& sequences, const at::Tensor& output, const at::Tensor& logSumExp);

/** Writes `dQkv` [T,3D]; all but `logSumExp` are of one type. */
void attentionGradientByTiles(const at::Tensor& dy, const at::Tensor& qkv, const at::Tensor& output, const at::Tensor& logSumExp,
                              const PackedSequences& sequences, const at::Tensor& dQkv);
