// Loops of our own over the memory of the processor: how numbers are read and written in either precision, and how a loop is
// cut for the threads. The cuts depend on sizes alone, so that no result depends on the number of threads.
#pragma once

#include <algorithm>
#include <cstring>

#include "libtorch.h"

/** Before a loop over its innermost index: no iteration reads what another one writes. */
#define INDEPENDENT _Pragma("GCC ivdep")

/** The bits of one type read as another of the same size. */
template <typename To, typename From>
inline To bitsAs(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

inline float widened(float value) { return value; }
inline float widened(c10::BFloat16 value) { return bitsAs<float>(static_cast<std::uint32_t>(value.x) << 16); }

/** Writes `value` to `*to`, rounded to the nearest (ties to even) for bfloat16. */
inline void store(float* to, float value) { *to = value; }
inline void store(c10::BFloat16* to, float value) {
  const auto bits = bitsAs<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  to->x = static_cast<std::uint16_t>(value != value ? 0x7fc0u : rounded);
}

/** Calls `body` with the numbers of a contiguous tensor: `const float*` or `const c10::BFloat16*`. */
template <typename Body>
void withNumbers(const at::Tensor& tensor, Body body) {
  if (tensor.scalar_type() == at::kBFloat16) body(static_cast<const c10::BFloat16*>(tensor.data_ptr()));
  else body(tensor.data_ptr<float>());
}

/** The same, for a tensor that is written to. */
template <typename Body>
void withRoom(const at::Tensor& tensor, Body body) {
  if (tensor.scalar_type() == at::kBFloat16) body(static_cast<c10::BFloat16*>(tensor.data_ptr()));
  else body(tensor.data_ptr<float>());
}

/** The memory of a tensor of the same type of number, to write to. */
template <typename T>
T* roomOf(const at::Tensor& tensor, const T*) {
  return static_cast<T*>(tensor.data_ptr());
}

/** Where loops over elements are cut: a multiple of every vector's length. */
constexpr std::int64_t kElementsPerChunk = 8192;
/** Elements that are worth another thread: waking one takes about as long. */
constexpr std::int64_t kElementsPerThread = 65536;

constexpr std::int64_t chunksOf(std::int64_t count, std::int64_t size) { return (count + size - 1) / size; }

/** body(begin, end) for parts of [0, count), in parallel. `work` is the cost of an element, where that of a plain copy is 1. */
template <typename Body>
void overElements(std::int64_t count, Body body, std::int64_t work = 1) {
  const std::int64_t grain = std::max<std::int64_t>(1, kElementsPerThread / kElementsPerChunk / work);
  at::parallel_for(0, chunksOf(count, kElementsPerChunk), grain, [&](std::int64_t first, std::int64_t last) {
    body(first * kElementsPerChunk, std::min(last * kElementsPerChunk, count));
  });
}

/** body(row) for every row of `width` elements, in parallel. */
template <typename Body>
void overRows(std::int64_t rows, std::int64_t width, Body body) {
  at::parallel_for(0, rows, std::max<std::int64_t>(1, kElementsPerThread / width), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; row++) body(row);
  });
}

/**
 * sums[i] = Σ over the rows, for `width` sums: body(begin, end, partial) adds rows [begin, end) to `partial`, which starts
 * at 0. The partial sums are added in the order of the rows.
 */
template <typename Body>
void sumOverRows(std::int64_t rows, std::int64_t width, float* sums, Body body) {
  const std::int64_t size = std::max<std::int64_t>(12, chunksOf(rows, 32));
  const std::int64_t chunks = chunksOf(rows, size);
  std::vector<float> partials(static_cast<std::size_t>(chunks * width), 0.0f);
  const std::int64_t grain = std::max<std::int64_t>(1, kElementsPerThread / (size * width));
  at::parallel_for(0, chunks, grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t chunk = first; chunk < last; chunk++) {
      body(chunk * size, std::min((chunk + 1) * size, rows), partials.data() + chunk * width);
    }
  });
  std::fill(sums, sums + width, 0.0f);
  for (std::int64_t chunk = 0; chunk < chunks; chunk++) {
    const float* partial = partials.data() + chunk * width;
    INDEPENDENT
    for (std::int64_t i = 0; i < width; i++) sums[i] += partial[i];
  }
}

/** Σ term(i) over [0, count): in four vectors of partial sums, gathered in float64 now and then. */
template <typename Term>
inline double sumOf(std::int64_t count, Term term) {
  constexpr std::int64_t kLanes = 64;
  constexpr std::int64_t kPart = 64 * kLanes;
  const std::int64_t even = count - count % kLanes;
  double total = 0;
  for (std::int64_t begin = 0; begin < even; begin += kPart) {
    float lanes[kLanes] = {};
    for (std::int64_t i = begin; i < std::min(begin + kPart, even); i += kLanes) {
#pragma omp simd
      for (std::int64_t lane = 0; lane < kLanes; lane++) lanes[lane] += term(i + lane);
    }
    float part = 0;
#pragma omp simd reduction(+ : part)
    for (std::int64_t lane = 0; lane < kLanes; lane++) part += lanes[lane];
    total += part;
  }
  float rest = 0;
#pragma omp simd reduction(+ : rest)
  for (std::int64_t i = even; i < count; i++) rest += term(i);
  return total + rest;
}
