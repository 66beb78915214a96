// What attention in tiles is made of: which head of which sequence, memory that threads keep, and blocks of scores.
//
// Scores lie as [keys, queries]. A query is a lane, so that softmax goes down the columns, and the same block serves as A of
// every product that follows, by rows or by columns. Only q (and dy) have to be transposed, as B of the scores.
#pragma once

#include <atomic>
#include <limits>
#include <memory>
#include <new>

#include "attention-tiles.h"
#include "tile-packing.h"
#include "vector-math.h"

/** Queries of a block: as many as a tile is wide. */
constexpr std::int64_t kQueries = kTileVectors * kLanes;

/** Memory that a thread keeps for its next call, as large as the largest use so far. */
template <typename T>
class Room {
 public:
  T* of(std::int64_t count) {
    if (count > count_) {
      memory_.reset();
      count_ = 0;  // As `new` may throw.
      memory_.reset(static_cast<T*>(::operator new(static_cast<std::size_t>(count) * sizeof(T), kAlignment)));
      count_ = count;
    }
    return memory_.get();
  }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(T* memory) const { ::operator delete(memory, kAlignment); }
  };
  std::unique_ptr<T, Free> memory_;
  std::int64_t count_ = 0;
};

/** One head of one sequence, which begins at row `start`. */
struct Item {
  std::int64_t start;
  std::int64_t length;
  std::int64_t head;
};

/** Its columns of the output, or of what has that shape. */
template <typename Number>
Rows<Number> rowsOf(Number* output, const PackedSequences& sequences, const Item& item) {
  const std::int64_t all = sequences.heads * sequences.width;
  return {output + item.start * all + item.head * sequences.width, all, item.length, sequences.width};
}

/** Its columns of q, k and v, or of their gradients. */
template <typename Number>
struct Head {
  Rows<Number> q, k, v;

  Head(Number* qkv, const PackedSequences& sequences, const Item& item) {
    const std::int64_t all = sequences.heads * sequences.width;
    q = {qkv + item.start * 3 * all + item.head * sequences.width, 3 * all, item.length, sequences.width};
    k = v = q;
    k.numbers += all;
    v.numbers += 2 * all;
  }
};

/**
 * When the first head of a sequence begins, starts to fetch the sequence's rows of a matrix for all heads, one row after the
 * other: the pieces that a head takes lie a page apart, and come several times slower.
 */
template <typename Number>
void fetchRows(const Number* matrix, std::int64_t columns, const Item& item) {
  constexpr std::int64_t kMostBytes = 2 << 20;
  constexpr std::int64_t kLine = 64 / sizeof(Number);
  const std::int64_t count = item.length * columns;
  if (item.head > 0 || count * static_cast<std::int64_t>(sizeof(Number)) > kMostBytes) return;
  for (std::int64_t i = 0; i < count; i += kLine) __builtin_prefetch(matrix + item.start * columns + i);
}

/** body(item) for every head of every sequence, the long ones first; a thread takes the next one when it is free. */
template <typename Body>
void overItems(const PackedSequences& sequences, Body body) {
  std::vector<Item> items;
  double work = 0;
  for (const Segment& segment : sequences.segments) {
    const std::int64_t heads = segment.count * sequences.heads;
    for (std::int64_t i = 0; i < heads; i++) {
      items.push_back({segment.start + i / sequences.heads * segment.length, segment.length, i % sequences.heads});
    }
    work += static_cast<double>(heads * sequences.width) * static_cast<double>(segment.length * segment.length);
  }
  std::stable_sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.length > b.length; });
  const auto count = static_cast<std::int64_t>(items.size());
  std::atomic<std::int64_t> next{0};
  const auto takeItems = [&](std::int64_t, std::int64_t) {
    for (std::int64_t i = next++; i < count; i = next++) body(items[static_cast<std::size_t>(i)]);
  };
  const std::int64_t threads = work < static_cast<double>(kElementsPerThread) ? 1 : std::min<std::int64_t>(at::get_num_threads(), count);
  at::parallel_for(0, threads, 1, takeItems);
}

/** Sizes of a head's operands in memory, and of the blocks that it is cut into. */
template <typename Word>
struct HeadSizes {
  std::int64_t length;
  std::int64_t width;
  /** Words of a row, and from one row to the next. */
  std::int64_t words;
  std::int64_t rowWords;
  /** The width up to whole vectors. */
  std::int64_t wide;
  std::int64_t queryBlock;
  std::int64_t keyBlock;

  HeadSizes(std::int64_t length, std::int64_t width, std::int64_t mostKeys)
      : length(length), width(width), words(wordsOf<Word>(width)), rowWords(paddedWords<Word>(width)), wide(roundedUp(width, kLanes)) {
    // Blocks of almost the same size: none is left over that is too small to be fast.
    const auto even = [&](std::int64_t most, std::int64_t multipleOf) {
      return std::min(most, roundedUp(chunksOf(length, chunksOf(length, most)), multipleOf));
    };
    queryBlock = even(kQueries, kLanes);
    keyBlock = even(mostKeys, kTileRows);
  }

  std::int64_t queriesFrom(std::int64_t first) const { return std::min(queryBlock, length - first); }
  std::int64_t keysFrom(std::int64_t first) const { return std::min(keyBlock, length - first); }
};

/** A block of scores as A with the depth along its keys (by columns), or along its queries (by rows, a row every kQueryWords). */
inline const float* alongKeys(const float* scores, std::int64_t, std::int64_t, Room<float>&) { return scores; }
inline const float* alongQueries(const float* scores, std::int64_t, std::int64_t, Room<float>&) { return scores; }
template <typename Word>
constexpr std::int64_t kQueryWords = kQueries / kNumbersPerWord<Word>;

#ifdef HAS_PAIR_PRODUCTS
/** kLanes numbers from each of two places, one after the other. */
inline __m512i rounded(const float* first, const float* second) {
  return (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(second), _mm512_loadu_ps(first));
}

inline const Pair* alongKeys(const float* scores, std::int64_t keys, std::int64_t lanes, Room<Pair>& room) {
  const __m512i interleave = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20,
                                              4, 19, 3, 18, 2, 17, 1, 16, 0);
  static const float zeros[kQueries] = {};
  Pair* to = room.of(chunksOf(keys, 2) * kQueries);
  for (std::int64_t key = 0; key < keys; key += 2) {
    const float* first = scores + key * kQueries;
    const float* second = key + 1 < keys ? first + kQueries : zeros;
    for (std::int64_t q = 0; q < lanes; q += kLanes) {
      _mm512_storeu_si512(to + key / 2 * kQueries + q, _mm512_permutexvar_epi16(interleave, rounded(first + q, second + q)));
    }
  }
  return to;
}

inline const Pair* alongQueries(const float* scores, std::int64_t keys, std::int64_t lanes, Room<Pair>& room) {
  static_assert(kQueries % (2 * kLanes) == 0);
  Pair* to = room.of(keys * kQueryWords<Pair>);
  for (std::int64_t key = 0; key < keys; key++) {
    for (std::int64_t q = 0; q < lanes; q += 2 * kLanes) {
      const float* from = scores + key * kQueries + q;
      _mm512_storeu_si512(to + key * kQueryWords<Pair> + q / 2, rounded(from, from + kLanes));
    }
  }
  return to;
}
#endif

/** Softmax of a block of queries, over blocks of keys that come one after the other. */
struct RunningSoftmax {
  alignas(64) float largest[kQueries];
  alignas(64) float sum[kQueries];
  /** What everything before the last block counts since the largest score has grown. */
  alignas(64) float correction[kQueries];

  RunningSoftmax() {
    std::fill(largest, largest + kQueries, -std::numeric_limits<float>::infinity());
    std::fill(sum, sum + kQueries, 0.0f);
  }

  /** Puts e^(scale (score - largest)) in place of the scores. */
  void add(float* scores, std::int64_t keys, std::int64_t lanes, float scale) {
    for (std::int64_t q = 0; q < lanes; q += kLanes) grow(scores + q, keys, q, scale);
    for (std::int64_t key = 0; key < keys; key++) {
      float* row = scores + key * kQueries;
      INDEPENDENT
      for (std::int64_t q = 0; q < lanes; q++) {
        row[q] = vectorExp((row[q] - largest[q]) * scale);
        sum[q] += row[q];
      }
    }
  }

 private:
  void grow(const float* scores, std::int64_t keys, std::int64_t first, float scale) {
    const Vector before = loadVector(largest + first);
    Vector most = before;
    for (std::int64_t key = 0; key < keys; key++) {
      const Vector score = loadVector(scores + key * kQueries);
      most = score > most ? score : most;
    }
    storeVector(largest + first, most);
    storeVector(correction + first, (before - most) * scale);
    INDEPENDENT
    for (std::int64_t q = first; q < first + kLanes; q++) {
      correction[q] = vectorExp(correction[q]);
      sum[q] *= correction[q];
    }
  }
};
