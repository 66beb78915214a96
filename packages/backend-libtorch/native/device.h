// Devices, threads and the memory of both.
#pragma once

#include <optional>

#include "libtorch.h"

struct Gpu {
  std::string name;
  /** Bytes of its memory. */
  std::size_t total;
  std::size_t free;
};

/** Whether this LibTorch was made for CUDA, GPUs or none. */
bool hasCudaLibrary();

int gpuCount();

/** "cpu", "cuda" or "cuda:1". @throws std::invalid_argument when this LibTorch or this machine does not have it */
at::Device deviceOf(const std::string& name);

/** Undefined for the processor, or where the driver does not say. */
std::optional<Gpu> describeGpu(const at::Device& device);

void setThreads(int threads);

/** Products of float32 are float32 on GPUs too, where convolutions would round their operands to TF32. */
void keepFloat32();

/** LibTorch's words, with what to do about it where it ran out of memory. */
std::string explainMemory(const std::string& cause);
