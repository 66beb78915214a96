// Operands of tile products, copied from rows of a larger matrix into memory of their own. What fills up a word, a vector or
// a block is 0.
#pragma once

#include "tile-product.h"

constexpr std::int64_t roundedUp(std::int64_t count, std::int64_t size) { return chunksOf(count, size) * size; }

/** Words that hold `width` numbers, and the same up to whole vectors. */
template <typename Word>
constexpr std::int64_t wordsOf(std::int64_t width) {
  return chunksOf(width, kNumbersPerWord<Word>);
}
template <typename Word>
constexpr std::int64_t paddedWords(std::int64_t width) {
  return roundedUp(wordsOf<Word>(width), kLanes);
}

/** Some columns of a matrix of which every `stride` numbers a row begins. */
template <typename Number>
struct Rows {
  Number* numbers;
  std::int64_t stride;
  std::int64_t count;
  std::int64_t width;

  Number* at(std::int64_t row) const { return numbers + row * stride; }
  Rows part(std::int64_t first, std::int64_t size) const { return {at(first), stride, size, width}; }
};

/** One row, in words along the width. */
template <typename Number>
inline void packRow(const Number* from, std::int64_t width, float* to) {
  INDEPENDENT
  for (std::int64_t i = 0; i < width; i++) to[i] = widened(from[i]);
}
inline void packRow(const c10::BFloat16* from, std::int64_t width, Pair* to) {
  if (width % 2 == 1) to[width / 2] = Pair{};
  std::memcpy(to, from, static_cast<std::size_t>(width) * sizeof(c10::BFloat16));
}

/** A as rows: words along the width, a row every paddedWords. */
template <typename Word, typename Number>
void packRows(Rows<const Number> from, Word* to) {
  const std::int64_t words = wordsOf<Word>(from.width);
  const std::int64_t padded = paddedWords<Word>(from.width);
  for (std::int64_t row = 0; row < from.count; row++, to += padded) {
    packRow(from.at(row), from.width, to);
    std::fill(to + words, to + padded, Word{});
  }
}

/** B with the depth along the rows of the matrix: a row of words every roundedUp(width, kLanes). */
template <typename Number>
void packDepth(Rows<const Number> from, float* to) {
  packRows(from, to);
}
inline void packDepth(Rows<const c10::BFloat16> from, Pair* to) {
  const std::int64_t padded = roundedUp(from.width, kLanes);
  const auto bits = [](c10::BFloat16 number) { return static_cast<std::uint32_t>(number.x); };
  for (std::int64_t row = 0; row < from.count; row += 2, to += padded) {
    const auto* first = from.at(row);
    if (row + 1 < from.count) {
      const auto* second = from.at(row + 1);
      INDEPENDENT
      for (std::int64_t i = 0; i < from.width; i++) to[i] = Pair{bits(first[i]) | bits(second[i]) << 16};
    } else {
      for (std::int64_t i = 0; i < from.width; i++) to[i] = Pair{bits(first[i])};
    }
    std::fill(to + from.width, to + padded, Pair{});
  }
}

/** Exchanges rows and columns of kLanes vectors: at each step the off-diagonal halves of ever smaller squares. */
inline void transposeVectors(Vector (&rows)[kLanes]) {
  typedef std::int32_t Places __attribute__((vector_size(kLanes * sizeof(std::int32_t))));
#pragma GCC unroll 4
  for (int half = kLanes / 2; half > 0; half /= 2) {
    Places upper;
    Places lower;
#pragma GCC unroll 16
    for (int lane = 0; lane < kLanes; lane++) {
      const bool right = (lane & half) != 0;
      upper[lane] = right ? static_cast<int>(kLanes) + lane - half : lane;
      lower[lane] = right ? static_cast<int>(kLanes) + lane : lane + half;
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; i++) {
      if ((i & half) != 0) continue;
      const Vector above = rows[i];
      const Vector below = rows[i + half];
      rows[i] = __builtin_shuffle(above, below, upper);
      rows[i + half] = __builtin_shuffle(above, below, lower);
    }
  }
}

/** B with the depth along the width, from packed rows: `words` rows of `lanes` words, one lane for each of `rows`. */
template <typename Word>
void transposeWords(const Word* from, std::int64_t rows, std::int64_t words, Word* to, std::int64_t lanes) {
  const std::int64_t stride = roundedUp(words, kLanes);
  for (std::int64_t row = 0; row < lanes; row += kLanes) {
    for (std::int64_t word = 0; word < words; word += kLanes) {
      Vector square[kLanes];
      for (std::int64_t i = 0; i < kLanes; i++) {
        square[i] = row + i < rows ? loadVector(from + (row + i) * stride + word) : Vector{};
      }
      transposeVectors(square);
      const std::int64_t height = std::min(kLanes, words - word);
      for (std::int64_t i = 0; i < height; i++) storeVector(to + (word + i) * lanes + row, square[i]);
    }
  }
}

/** Writes `factor` times `width` numbers. */
template <typename Number>
inline void unpackRow(const float* from, float factor, std::int64_t width, Number* to) {
  INDEPENDENT
  for (std::int64_t i = 0; i < width; i++) store(to + i, from[i] * factor);
}

/** The same for all rows of a C as wide as whole vectors. */
template <typename Number>
void unpackRows(const float* from, float factor, Rows<Number> to) {
  const std::int64_t wide = roundedUp(to.width, kLanes);
  for (std::int64_t row = 0; row < to.count; row++) unpackRow(from + row * wide, factor, to.width, to.at(row));
}
