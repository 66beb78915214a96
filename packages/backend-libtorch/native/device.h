// Devices, threads and the memory of both.
#pragma once

#include <optional>

#include "libtorch.h"

struct DeviceMemory {
  std::size_t total;
  std::size_t free;
};

int gpuCount();

/** "cpu", "cuda" or "cuda:1". @throws std::invalid_argument when this LibTorch or this machine does not have it */
at::Device deviceOf(const std::string& name);

/** Undefined for the processor, or where the driver does not say. */
std::optional<DeviceMemory> deviceMemory(const at::Device& device);

void setThreads(int threads);

/** Lets the C library keep freed memory for the next tensor instead of giving each large one back to the system. */
void keepMemory();

/** LibTorch's words, with what to do about it where it ran out of memory. */
std::string explainMemory(const std::string& cause);
