#include "attention-blocks.h"

#include <cmath>

namespace {

/** Keys of a block, at most: its scores stay in the second cache. */
constexpr std::int64_t kMostKeys = 132;

template <typename Word>
struct Rooms {
  Room<Word> keys, values, queryRows, queries, weights;
  Room<float> scores, output;
};

/** One head of one sequence. */
template <typename Word, typename Number>
class HeadAttention {
 public:
  HeadAttention(const Head<const Number>& head, float scale) : head_(head), scale_(scale), sizes_(head.q.count, head.q.width, kMostKeys) {
    keys_ = rooms().keys.of(sizes_.length * sizes_.rowWords);
    values_ = rooms().values.of(wordsOf<Word>(sizes_.length) * sizes_.wide);
    queryRows_ = rooms().queryRows.of(kQueries * sizes_.rowWords);
    queries_ = rooms().queries.of(kQueries * sizes_.words);
    scores_ = rooms().scores.of(kQueries * sizes_.keyBlock);
    output_ = rooms().output.of(kQueries * sizes_.wide);
  }

  void run(Rows<Number> output, float* logSumExp) {
    packRows(head_.k, keys_);
    packDepth(head_.v, values_);
    for (std::int64_t first = 0; first < sizes_.length; first += sizes_.queryBlock) {
      const std::int64_t count = sizes_.queriesFrom(first);
      packRows(head_.q.part(first, count), queryRows_);
      transposeWords(queryRows_, count, sizes_.words, queries_, roundedUp(count, kLanes));
      finish(attend(count), output.part(first, count), logSumExp + first);
    }
  }

 private:
  static Rooms<Word>& rooms() {
    static thread_local Rooms<Word> kept;
    return kept;
  }

  /** Leaves in output_ what the block of `count` queries gathers from all keys, before the division by the sum. */
  RunningSoftmax attend(std::int64_t count) {
    const auto& [length, width, words, rowWords, wide, queryBlock, keyBlock] = sizes_;
    const std::int64_t lanes = roundedUp(count, kLanes);
    RunningSoftmax softmax;
    for (std::int64_t key = 0; key < length; key += keyBlock) {
      const std::int64_t keys = sizes_.keysFrom(key);
      multiply<Order::rows, Word>(keys, lanes, {words, keys_ + key * rowWords, rowWords, queries_, lanes, scores_, kQueries, false});
      softmax.add(scores_, keys, lanes, scale_);
      if (key > 0) correct(softmax, count);
      const Word* weights = alongKeys(scores_, keys, lanes, rooms().weights);
      const Word* values = values_ + wordsOf<Word>(key) * wide;
      multiply<Order::columns, Word>(count, wide, {wordsOf<Word>(keys), weights, kQueries, values, wide, output_, wide, key > 0});
    }
    return softmax;
  }

  void correct(const RunningSoftmax& softmax, std::int64_t count) {
    for (std::int64_t q = 0; q < count; q++) {
      float* row = output_ + q * sizes_.wide;
      INDEPENDENT
      for (std::int64_t i = 0; i < sizes_.wide; i++) row[i] *= softmax.correction[q];
    }
  }

  void finish(const RunningSoftmax& softmax, Rows<Number> output, float* logSumExp) {
    for (std::int64_t q = 0; q < output.count; q++) {
      unpackRow(output_ + q * sizes_.wide, 1.0f / softmax.sum[q], output.width, output.at(q));
      logSumExp[q] = softmax.largest[q] * scale_ + std::log(softmax.sum[q]);
    }
  }

  const Head<const Number> head_;
  const float scale_;
  const HeadSizes<Word> sizes_;
  Word *keys_, *values_, *queryRows_, *queries_;
  float *scores_, *output_;
};

}  // namespace

double PackedSequences::scale() const { return 1.0 / std::sqrt(static_cast<double>(width)); }

void attentionByTiles(const at::Tensor& qkv, const PackedSequences& sequences, const at::Tensor& output, const at::Tensor& logSumExp) {
  const auto scale = static_cast<float>(sequences.scale());
  float* logSumExps = logSumExp.data_ptr<float>();
  withNumbers(qkv, [&](const auto* numbers) {
    auto* outputs = roomOf(output, numbers);
    using Number = std::remove_pointer_t<decltype(outputs)>;
    overItems(sequences, [&](const Item& item) {
      fetchRows(numbers, qkv.size(1), item);
      HeadAttention<WordOf<Number>, Number> attention({numbers, sequences, item}, scale);
      attention.run(rowsOf(outputs, sequences, item), logSumExps + item.head * qkv.size(0) + item.start);
    });
  });
}
