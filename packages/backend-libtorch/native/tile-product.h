// Products of matrices that fit in a processor's nearest caches: C = A B or C += A B, with a tile of C in registers.
//
// A word is what one step of the depth multiplies: a float, a double or, where the processor multiplies bfloat16, two neighbours
// of bfloat16 along the depth. B and C are row-major and as wide as whole vectors; a row of B is one word of the depth.
#pragma once

#include <type_traits>

#include "loops.h"

#if defined(__AVX512BF16__) && defined(__AVX512BW__)
#include <immintrin.h>
#define HAS_PAIR_PRODUCTS 1
#endif

// A tile is kTileRows rows by kTileVectors vectors: its sums, a row of B and a number of A fill 32 registers, or 16.
constexpr int kTileRows = 6;
#if defined(__AVX512F__)
constexpr std::int64_t kLanes = 16;
constexpr int kTileVectors = 4;
#elif defined(__AVX__)
constexpr std::int64_t kLanes = 8;
constexpr int kTileVectors = 2;
#elif defined(__aarch64__)
constexpr std::int64_t kLanes = 4;
constexpr int kTileVectors = 4;
#else
constexpr std::int64_t kLanes = 4;
constexpr int kTileVectors = 2;
#endif

typedef float Vector __attribute__((vector_size(kLanes * sizeof(float))));
typedef double Vector64 __attribute__((vector_size(kLanes * sizeof(float))));

/** Two numbers of bfloat16, the first one in the low bits. */
enum class Pair : std::uint32_t {};

/** Numbers along the depth in a word. */
template <typename Word>
constexpr std::int64_t kNumbersPerWord = std::is_same_v<Word, Pair> ? 2 : 1;

/** The words that numbers of this type are multiplied in; bfloat16 is widened where the processor cannot multiply it. */
#ifdef HAS_PAIR_PRODUCTS
template <typename Number>
using WordOf = std::conditional_t<std::is_same_v<Number, c10::BFloat16>, Pair, float>;
#else
template <typename Number>
using WordOf = float;
#endif

/** What products of words are summed in, how many of them a vector holds, and such a vector. */
template <typename Word>
using SumOf = std::conditional_t<std::is_same_v<Word, double>, double, float>;
template <typename Word>
constexpr std::int64_t kSumLanes = kLanes * static_cast<std::int64_t>(sizeof(float)) / static_cast<std::int64_t>(sizeof(SumOf<Word>));
template <typename Word>
using VectorOf = std::conditional_t<std::is_same_v<Word, double>, Vector64, Vector>;

/** The bits of a vector of words. */
template <typename Word>
inline VectorOf<Word> loadVector(const Word* from) {
  static_assert(sizeof(Word) == sizeof(SumOf<Word>));
  VectorOf<Word> vector;
  std::memcpy(&vector, from, sizeof(vector));
  return vector;
}

template <typename Word>
inline void storeVector(Word* to, VectorOf<Word> vector) {
  static_assert(sizeof(Word) == sizeof(SumOf<Word>));
  std::memcpy(to, &vector, sizeof(vector));
}

inline Vector multiplyAdd(Vector sum, float a, Vector b) { return sum + a * b; }
inline Vector64 multiplyAdd(Vector64 sum, double a, Vector64 b) { return sum + a * b; }
#ifdef HAS_PAIR_PRODUCTS
inline Vector multiplyAdd(Vector sum, Pair a, Vector b) {
  return (Vector)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32(static_cast<int>(a)), (__m512bh)b);
}
#endif

/** Where A's number for row i and word k lies: at i * stride + k, or at i + k * stride. */
enum class Order { rows, columns };

template <typename Word>
struct Product {
  std::int64_t depth;
  const Word* a;
  std::int64_t aStride;
  const Word* b;
  std::int64_t bStride;
  SumOf<Word>* c;
  std::int64_t cStride;
  /** Adds to C instead of writing it. */
  bool accumulate;
};

/** `rows` by `vectors` of C, at its upper left corner. */
template <typename Word, Order order, int rows, int vectors>
void multiplyTile(const Product<Word>& product) {
  // Of their own: a store to C could change what is read through `product`.
  SumOf<Word>* const c = product.c;
  const std::int64_t cStride = product.cStride;
  VectorOf<Word> sums[rows][vectors];
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < vectors; j++) sums[i][j] = product.accumulate ? loadVector(c + i * cStride + j * kSumLanes<Word>) : VectorOf<Word>{};
  }
  const Word* b = product.b;
  for (std::int64_t k = 0; k < product.depth; k++, b += product.bStride) {
    VectorOf<Word> row[vectors];
#pragma GCC unroll 4
    for (int j = 0; j < vectors; j++) row[j] = loadVector(b + j * kSumLanes<Word>);
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
      const Word a = order == Order::rows ? product.a[i * product.aStride + k] : product.a[k * product.aStride + i];
#pragma GCC unroll 4
      for (int j = 0; j < vectors; j++) sums[i][j] = multiplyAdd(sums[i][j], a, row[j]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < vectors; j++) storeVector(c + i * cStride + j * kSumLanes<Word>, sums[i][j]);
  }
}

/** `rows` of C, kTileRows at a time and then what is left, each `vectors` wide. */
template <typename Word, Order order, int vectors>
void multiplyColumn(std::int64_t rows, Product<Word> product) {
  using Tile = void (*)(const Product<Word>&);
  static constexpr Tile tiles[kTileRows] = {
      multiplyTile<Word, order, 1, vectors>, multiplyTile<Word, order, 2, vectors>, multiplyTile<Word, order, 3, vectors>,
      multiplyTile<Word, order, 4, vectors>, multiplyTile<Word, order, 5, vectors>, multiplyTile<Word, order, 6, vectors>};
  // Tiles of almost the same height: one row alone could not hide how long a multiplication takes.
  for (std::int64_t left = chunksOf(rows, kTileRows); left > 0; left--) {
    const std::int64_t height = chunksOf(rows, left);
    tiles[height - 1](product);
    product.a += height * (order == Order::rows ? product.aStride : 1);
    product.c += height * product.cStride;
    rows -= height;
  }
}

/** All of C: `rows` by `width`, a multiple of kSumLanes<Word>. */
template <Order order, typename Word>
void multiply(std::int64_t rows, std::int64_t width, Product<Word> product) {
  using Column = void (*)(std::int64_t, Product<Word>);
  static constexpr Column columns[] = {multiplyColumn<Word, order, 1>, multiplyColumn<Word, order, 2>,
                                       multiplyColumn<Word, order, std::min(3, kTileVectors)>, multiplyColumn<Word, order, kTileVectors>};
  std::int64_t vectors = width / kSumLanes<Word>;
  for (std::int64_t left = chunksOf(vectors, kTileVectors); left > 0; left--) {
    const std::int64_t wide = chunksOf(vectors, left);
    columns[wide - 1](rows, product);
    product.b += wide * kSumLanes<Word>;
    product.c += wide * kSumLanes<Word>;
    vectors -= wide;
  }
}
