// What every file of the addon needs from LibTorch; precompiled once, as these headers are most of a build.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Config.h>
#include <ATen/Parallel.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>
#include <torch/version.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

/** LibTorch's version as one number: 11300 for 1.13.0. */
#define LIBTORCH_VERSION (TORCH_VERSION_MAJOR * 10000 + TORCH_VERSION_MINOR * 100 + TORCH_VERSION_PATCH)
