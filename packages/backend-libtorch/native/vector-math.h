// Functions of one float without a branch or a call, so that the compiler turns a loop over them into vector instructions.
#pragma once

#include "loops.h"

/**
 * e^x over all floats, within 1.2e-7 of its value: 0 and denormal numbers below, infinity above, NaN stays.
 * x = n ln 2 + r with |r| <= ln 2 / 2, and e^r by Cephes' polynomial.
 */
inline float vectorExp(float x) {
  x = x < -104.0f ? -104.0f : x;
  x = x > 89.0f ? 89.0f : x;
  // Adding 1.5 · 2^23 rounds to a whole number, which is then in the lowest bits.
  constexpr float kRound = 12582912.0f;
  const float rounded = x * 1.44269504f + kRound;
  const auto n = static_cast<std::int32_t>(bitsAs<std::uint32_t>(rounded) - bitsAs<std::uint32_t>(kRound));
  const float whole = rounded - kRound;
  const float r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + (r + 1.0f);
  // 2^n in two factors: n reaches from -150 to 128, one exponent only from -126 to 127.
  const std::int32_t half = n >> 1;
  const float low = bitsAs<float>(static_cast<std::uint32_t>(half + 127) << 23);
  const float high = bitsAs<float>(static_cast<std::uint32_t>(n - half + 127) << 23);
  return p * low * high;
}

/** 1 / (1 + e^-x). */
inline float vectorSigmoid(float x) { return 1.0f / (1.0f + vectorExp(-x)); }

/** The standard normal distribution at x. */
struct Normal {
  /** Φ(x) = (1 + erf(x / √2)) / 2, within 1.1e-7. */
  float cumulative;
  /** e^(-x²/2) */
  float bell;
};

/** Φ(-t) = e^(-t²/2) Q(t) for t >= 0, Q a minimax polynomial whose error counts as it does in Φ and t Φ: 9e-9. */
inline Normal vectorNormal(float x) {
  const float bell = vectorExp(-0.5f * x * x);
  float t = x < 0.0f ? -x : x;
  t = t > 15.0f ? 15.0f : t;
  float q = 4.49979538e-8f;
  q = q * t - 1.29593752e-6f;
  q = q * t + 1.68832648e-5f;
  q = q * t - 1.33171547e-4f;
  q = q * t + 7.22511439e-4f;
  q = q * t - 2.92788586e-3f;
  q = q * t + 9.47383605e-3f;
  q = q * t - 2.58941557e-2f;
  q = q * t + 6.21601529e-2f;
  q = q * t - 1.32882416e-1f;
  q = q * t + 2.49985233e-1f;
  q = q * t - 3.98941398e-1f;
  q = q * t + 0.5f;
  const float tail = bell * q;
  return {x > 0.0f ? 1.0f - tail : tail, bell};
}

/** x Φ(x): the exact GELU. */
inline float vectorGelu(float x) { return x * vectorNormal(x).cumulative; }

/** The slope of the GELU: Φ(x) + x φ(x). */
inline float vectorGeluSlope(float x) {
  const Normal normal = vectorNormal(x);
  return normal.cumulative + x * normal.bell * 0.398942280f;
}
