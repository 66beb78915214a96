#include "vector-math.h"

const float kSmallestExponent = -87.33654f;
const float kLargestExponent = 88.9f;
const float kLargestMagnitude = 15.0f;
