// Functions of one float without a branch or a call, so that the compiler turns a loop over them into vector instructions.
#pragma once

#include "loops.h"

/** An exponential takes so many times the time of a copy: for the cuts of a loop that has one. */
constexpr std::int64_t kExponentialWork = 4;

// Bounds of arguments. The compiler must not see their values: it would make a case of its own of each, with a mask and a
// blend, where a minimum and a maximum do.
extern const float kSmallestExponent;
extern const float kLargestExponent;
extern const float kLargestMagnitude;

/**
 * e^x within 1.2e-7 of its value; 0 where that is below 1.7e-38, infinity above the largest float; NaN stays.
 * x = n ln 2 + r with |r| <= ln 2 / 2, and e^r by twice Cephes' polynomial: 2^(n - 1) is a float for every n that occurs.
 */
inline float vectorExp(float x) {
  x = x < kSmallestExponent ? kSmallestExponent : x;
  x = x > kLargestExponent ? kLargestExponent : x;
  // Adding 1.5 · 2^23 rounds to a whole number, which is then in the lowest bits.
  constexpr float kRound = 12582912.0f;
  const float rounded = x * 1.44269504f + kRound;
  const float n = rounded - kRound;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 2 * 1.9875691500e-4f;
  p = p * r + 2 * 1.3981999507e-3f;
  p = p * r + 2 * 8.3334519073e-3f;
  p = p * r + 2 * 4.1665795894e-2f;
  p = p * r + 2 * 1.6666665459e-1f;
  p = p * r + 2 * 5.0000001201e-1f;
  p = p * (r * r) + (r + r + 2.0f);
  return p * bitsAs<float>((bitsAs<std::uint32_t>(rounded) << 23) + (126u << 23));
}

/** 1 / (1 + e^-x). */
inline float vectorSigmoid(float x) { return 1.0f / (1.0f + vectorExp(-x)); }

/** For 0 <= t, what e^(-t²/2) is to be multiplied by: Q(t) + more t with Φ(-t) = e^(-t²/2) Q(t), Φ the normal distribution. */
inline float normalTail(float t, float more) {
  // Minimax over [0, 6], where the error counts as it does in Φ and in t Φ: 3.3e-8. Beyond, e^(-t²/2) leaves nothing of it.
  float q = -2.44198674e-7f;
  q = q * t + 6.28714633e-6f;
  q = q * t - 7.27642691e-5f;
  q = q * t + 5.07444609e-4f;
  q = q * t - 2.42995587e-3f;
  q = q * t + 8.71687941e-3f;
  q = q * t - 2.51487643e-2f;
  q = q * t + 6.17024153e-2f;
  q = q * t - 1.32719308e-1f;
  q = q * t + 2.49955684e-1f;
  q = q * t + (more - 3.98939341e-1f);
  return q * t + 0.5f;
}

/** |x|, up to where e^(-x²/2) is 0. */
inline float boundedMagnitude(float x) {
  const float magnitude = x < 0.0f ? -x : x;
  return magnitude > kLargestMagnitude ? kLargestMagnitude : magnitude;
}

/** The exact GELU x Φ(x), within 1.4e-7 of max(1, |x|): for t = |x| it is -t Φ(-t) where x < 0, and x - t Φ(-t) elsewhere. */
inline float vectorGelu(float x) {
  const float t = boundedMagnitude(x);
  const float tail = vectorExp(-0.5f * t * t) * normalTail(t, 0.0f);
  return (x > 0.0f ? x : 0.0f) - t * tail;
}

/** The slope of the GELU, Φ(x) + x φ(x), within 1.6e-7: for t = |x| it is Φ(-t) - t φ(t) where x < 0, and 1 less that elsewhere. */
inline float vectorGeluSlope(float x) {
  const float t = boundedMagnitude(x);
  constexpr float kDensityOf0 = 0.398942280f;
  const float below = vectorExp(-0.5f * t * t) * normalTail(t, -kDensityOf0);
  return x > 0.0f ? 1.0f - below : below;
}
