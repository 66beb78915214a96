// With P the probabilities and S the scaled scores: dV = Pᵀ dO, dS = P ∘ (dO Vᵀ - rowsum(dO ∘ O)), dQ = dS K scale,
// dK = dSᵀ Q scale. P comes again from the saved log-sum-exp.
#include "attention-blocks.h"

namespace {

/** Keys of a block, at most: it takes two blocks of scores, with q, dy and three gradients beside them. */
constexpr std::int64_t kMostKeys = 66;

template <typename Word>
struct Rooms {
  Room<Word> keyRows, valueRows, queryRows, dyRows, keys, queries, dy, queryColumns, dyColumns, weights, slopes, slopeColumns;
  Room<float> along, logSumExp, scores, slopeScores, dQ, dK, dV;
};

/** One head of one sequence. */
template <typename Word, typename Number>
class HeadGradient {
 public:
  HeadGradient(const Head<const Number>& head, Rows<const Number> dy, float scale)
      : head_(head), dy_(dy), scale_(scale), sizes_(head.q.count, head.q.width, kMostKeys), rooms_(keptRooms()) {
    scores_ = rooms_.scores.of(kQueries * sizes_.keyBlock);
    slopes_ = rooms_.slopeScores.of(kQueries * sizes_.keyBlock);
    dQ_ = rooms_.dQ.of(sizes_.length * sizes_.wide);
    dK_ = rooms_.dK.of(sizes_.keyBlock * sizes_.wide);
    dV_ = rooms_.dV.of(sizes_.keyBlock * sizes_.wide);
  }

  void run(Rows<const Number> output, const float* logSumExp, const Head<Number>& gradient) {
    packOperands();
    packStatistics(output, logSumExp);
    for (std::int64_t key = 0; key < sizes_.length; key += sizes_.keyBlock) {
      const std::int64_t keys = sizes_.keysFrom(key);
      for (std::int64_t first = 0; first < sizes_.length; first += sizes_.queryBlock) addBlock(key, keys, first, sizes_.queriesFrom(first));
      unpackRows(dK_, scale_, gradient.k.part(key, keys));
      unpackRows(dV_, 1.0f, gradient.v.part(key, keys));
    }
    unpackRows(dQ_, scale_, gradient.q);
  }

 private:
  static Rooms<Word>& keptRooms() {
    static thread_local Rooms<Word> kept;
    return kept;
  }

  /** Rows of a matrix in words along the width. */
  Word* packed(Rows<const Number> rows, Room<Word>& room) {
    Word* to = room.of(sizes_.length * sizes_.rowWords);
    packRows(rows, to);
    return to;
  }

  /** The same as B with the depth along the rows: for floats it is no different. */
  const Word* packedDepth(Rows<const Number> rows, const Word* packedRows, Room<Word>& room) {
    if constexpr (kNumbersPerWord<Word> == 1) return packedRows;
    Word* to = room.of(wordsOf<Word>(sizes_.length) * sizes_.wide);
    packDepth(rows, to);
    return to;
  }

  /** Packed rows as B with the depth along the width: one block of queries after the other, a lane for each. */
  const Word* transposed(const Word* packedRows, Room<Word>& room) {
    Word* to = room.of(sizes_.words * roundedUp(sizes_.length, kLanes));
    for (std::int64_t first = 0; first < sizes_.length; first += sizes_.queryBlock) {
      const std::int64_t count = sizes_.queriesFrom(first);
      transposeWords(packedRows + first * sizes_.rowWords, count, sizes_.words, to + first * sizes_.words, roundedUp(count, kLanes));
    }
    return to;
  }

  void packOperands() {
    keyRows_ = packed(head_.k, rooms_.keyRows);
    valueRows_ = packed(head_.v, rooms_.valueRows);
    const Word* queryRows = packed(head_.q, rooms_.queryRows);
    const Word* dyRows = packed(dy_, rooms_.dyRows);
    keyDepth_ = packedDepth(head_.k, keyRows_, rooms_.keys);
    queryDepth_ = packedDepth(head_.q, queryRows, rooms_.queries);
    dyDepth_ = packedDepth(dy_, dyRows, rooms_.dy);
    queryColumns_ = transposed(queryRows, rooms_.queryColumns);
    dyColumns_ = transposed(dyRows, rooms_.dyColumns);
  }

  /** For each query rowsum(dO ∘ O) and the log-sum-exp; 0 in the lanes that have none, whose probabilities then are finite. */
  void packStatistics(Rows<const Number> output, const float* logSumExp) {
    const std::int64_t lanes = roundedUp(sizes_.length, kLanes);
    along_ = rooms_.along.of(lanes);
    logSumExp_ = rooms_.logSumExp.of(lanes);
    std::fill(along_ + sizes_.length, along_ + lanes, 0.0f);
    std::fill(logSumExp_ + sizes_.length, logSumExp_ + lanes, 0.0f);
    std::copy(logSumExp, logSumExp + sizes_.length, logSumExp_);
    for (std::int64_t q = 0; q < sizes_.length; q++) {
      const Number* d = dy_.at(q);
      const Number* o = output.at(q);
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (std::int64_t i = 0; i < sizes_.width; i++) sum += widened(d[i]) * widened(o[i]);
      along_[q] = sum;
    }
  }

  /** What `count` queries from `first` give the gradients of `keys` keys from `key`, and these theirs. */
  void addBlock(std::int64_t key, std::int64_t keys, std::int64_t first, std::int64_t count) {
    const auto& [length, width, words, rowWords, wide, queryBlock, keyBlock] = sizes_;
    const std::int64_t lanes = roundedUp(count, kLanes);
    const std::int64_t keyRow = key * rowWords;
    const std::int64_t column = first * words;
    multiply<Order::rows, Word>(keys, lanes, {words, keyRows_ + keyRow, rowWords, queryColumns_ + column, lanes, scores_, kQueries, false});
    multiply<Order::rows, Word>(keys, lanes, {words, valueRows_ + keyRow, rowWords, dyColumns_ + column, lanes, slopes_, kQueries, false});
    differentiate(keys, lanes, logSumExp_ + first, along_ + first);
    const Word* weights = alongQueries(scores_, keys, lanes, rooms_.weights);
    const Word* slopes = alongQueries(slopes_, keys, lanes, rooms_.slopes);
    const Word* slopeColumns = alongKeys(slopes_, keys, lanes, rooms_.slopeColumns);
    const std::int64_t depth = wordsOf<Word>(count);
    const std::int64_t row = wordsOf<Word>(first) * wide;
    multiply<Order::rows, Word>(keys, wide, {depth, weights, kQueryWords<Word>, dyDepth_ + row, wide, dV_, wide, first > 0});
    multiply<Order::rows, Word>(keys, wide, {depth, slopes, kQueryWords<Word>, queryDepth_ + row, wide, dK_, wide, first > 0});
    const Word* keyDepth = keyDepth_ + wordsOf<Word>(key) * wide;
    float* dQ = dQ_ + first * wide;
    multiply<Order::columns, Word>(count, wide, {wordsOf<Word>(keys), slopeColumns, kQueries, keyDepth, wide, dQ, wide, key > 0});
  }

  /** Scores become P, and dO Vᵀ becomes dS. */
  void differentiate(std::int64_t keys, std::int64_t lanes, const float* logSumExp, const float* along) {
    for (std::int64_t key = 0; key < keys; key++) {
      float* p = scores_ + key * kQueries;
      float* slope = slopes_ + key * kQueries;
      INDEPENDENT
      for (std::int64_t q = 0; q < lanes; q++) {
        p[q] = vectorExp(p[q] * scale_ - logSumExp[q]);
        slope[q] = p[q] * (slope[q] - along[q]);
      }
    }
  }

  const Head<const Number> head_;
  const Rows<const Number> dy_;
  const float scale_;
  const HeadSizes<Word> sizes_;
  Rooms<Word>& rooms_;
  const Word *keyRows_, *valueRows_, *keyDepth_, *queryDepth_, *dyDepth_, *queryColumns_, *dyColumns_;
  float *along_, *logSumExp_, *scores_, *slopes_, *dQ_, *dK_, *dV_;
};

}  // namespace

void attentionGradientByTiles(const at::Tensor& dy, const at::Tensor& qkv, const at::Tensor& output, const at::Tensor& logSumExp,
                              const PackedSequences& sequences, const at::Tensor& dQkv) {
  const auto scale = static_cast<float>(sequences.scale());
  const float* logSumExps = logSumExp.data_ptr<float>();
  withNumbers(qkv, [&](const auto* numbers) {
    auto* gradients = roomOf(dQkv, numbers);
    using Number = std::remove_pointer_t<decltype(gradients)>;
    const auto* dys = static_cast<const Number*>(dy.data_ptr());
    const auto* outputs = static_cast<const Number*>(output.data_ptr());
    overItems(sequences, [&](const Item& item) {
      fetchRows(numbers, qkv.size(1), item);
      fetchRows(dys, dy.size(1), item);
      fetchRows(outputs, output.size(1), item);
      HeadGradient<WordOf<Number>, Number> attention({numbers, sequences, item}, rowsOf(dys, sequences, item), scale);
      attention.run(rowsOf(outputs, sequences, item), logSumExps + item.head * qkv.size(0) + item.start, {gradients, sequences, item});
    });
  });
}
