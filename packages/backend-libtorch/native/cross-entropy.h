// The cross-entropy of a row of logits against a row of probabilities, in one pass over both. What a logit is, is left to the caller.
#pragma once

#include <cmath>
#include <limits>

#include "vector-math.h"

/** Columns that stay in the first cache while they are read twice. */
constexpr std::int64_t kColumnsPerBlock = 1024;

/** Sums over a part of a row, of the logits' distances to the largest of them so far. */
struct CrossEntropySums {
  float largest = std::numeric_limits<float>::lowest();
  /** Σ e^((student - largest) / temperature) */
  double exponentials = 0;
  /** Σ teacher */
  double mass = 0;
  /** Σ teacher (student - largest) */
  double along = 0;

  void raise(float higher, double inverseTemperature) {
    const double distance = static_cast<double>(largest) - higher;
    exponentials *= std::exp(distance * inverseTemperature);
    along += mass * distance;
    largest = higher;
  }

  double logSum() const { return std::log(exponentials); }
  float loss(double temperature) const { return static_cast<float>(mass * logSum() - along / temperature); }
  float logSumExp(double temperature) const { return static_cast<float>(logSum() + largest / temperature); }

  /** Adds `width` columns more: logit(i) and teacher[i] for i in [0, width). */
  template <typename Logit, typename T>
  void add(Logit logit, const T* teacher, std::int64_t width, float inverseTemperature) {
    for (std::int64_t begin = 0; begin < width; begin += kColumnsPerBlock) {
      const std::int64_t end = std::min(begin + kColumnsPerBlock, width);
      float higher = std::numeric_limits<float>::lowest();
#pragma omp simd reduction(max : higher)
      for (std::int64_t i = begin; i < end; i++) higher = logit(i) > higher ? logit(i) : higher;
      if (higher > largest) raise(higher, inverseTemperature);
      addBlock(logit, teacher, begin, end, inverseTemperature);
    }
  }

 private:
  template <typename Logit, typename T>
  void addBlock(Logit logit, const T* teacher, std::int64_t begin, std::int64_t end, float inverseTemperature) {
    const float most = largest;
    float powers = 0;
    float total = 0;
    float products = 0;
#pragma omp simd reduction(+ : powers, total, products)
    for (std::int64_t i = begin; i < end; i++) {
      const float distance = logit(i) - most;
      powers += vectorExp(distance * inverseTemperature);
      total += widened(teacher[i]);
      products += widened(teacher[i]) * distance;
    }
    exponentials += powers;
    mass += total;
    along += products;
  }
};
