// Attention over packed sequences in LibTorch's ops, a segment at a time: for every device. See attention-tiles.h for the
// shapes; nothing here makes more scores at a time than some MB.
#pragma once

#include "attention-tiles.h"

void attentionByLibtorch(const at::Tensor& qkv, const PackedSequences& sequences, const at::Tensor& output, const at::Tensor& logSumExp);

void attentionGradientByLibtorch(const at::Tensor& dy, const at::Tensor& qkv, const at::Tensor& output, const at::Tensor& logSumExp,
                                 const PackedSequences& sequences, const at::Tensor& dQkv);
