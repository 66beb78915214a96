#include "device.h"

#include <dlfcn.h>
#include <torch/cuda.h>

#include "settings.h"

namespace {

bool isLoaded(const char* library) {
  void* handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
  if (handle != nullptr) dlclose(handle);
  return handle != nullptr;
}

/** A function of a library that LibTorch has loaded already, or null: the addon links against neither CUDA nor a BLAS. */
template <typename Function>
Function* loadedFunction(std::initializer_list<const char*> libraries, const char* name) {
  for (const char* library : libraries) {
    void* handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
    if (handle == nullptr) continue;
    auto* function = reinterpret_cast<Function*>(dlsym(handle, name));
    dlclose(handle);
    if (function != nullptr) return function;
  }
  return nullptr;
}

constexpr std::initializer_list<const char*> kCudaRuntimes = {"libcudart.so.13", "libcudart.so.12", "libcudart.so.11.0", "libcudart.so"};

}  // namespace

bool hasCudaLibrary() { return isLoaded("libtorch_cuda.so"); }

int gpuCount() { return at::hasCUDA() ? static_cast<int>(torch::cuda::device_count()) : 0; }

at::Device deviceOf(const std::string& name) {
  const at::Device device(name);
  if (device.is_cpu()) return device;
  const int index = device.has_index() ? device.index() : 0;
  if (index >= gpuCount()) throw std::invalid_argument("device " + name + " is not there; this machine shows " + std::to_string(gpuCount()) + " GPUs");
  return at::Device(device.type(), static_cast<at::DeviceIndex>(index));
}

std::optional<Gpu> describeGpu(const at::Device& device) {
  if (device.is_cpu()) return std::nullopt;
  static auto* query = loadedFunction<int(std::size_t*, std::size_t*)>(kCudaRuntimes, "cudaMemGetInfo");
  static auto* nameOf = loadedFunction<int(char*, int, int)>({"libcuda.so.1"}, "cuDeviceGetName");
  const c10::DeviceGuard current(device);
  Gpu gpu{};
  if (query == nullptr || query(&gpu.free, &gpu.total) != 0) return std::nullopt;
  char name[256] = "";
  // CUDA's driver numbers the devices that a process sees from 0, as LibTorch does.
  if (nameOf != nullptr && nameOf(name, sizeof(name), device.index()) == 0) gpu.name = name;
  return gpu;
}

void setThreads(int threads) {
  at::set_num_threads(threads);
  // OpenBLAS has threads of its own, which LibTorch does not tell.
  static auto* openblas = loadedFunction<void(int)>({"libopenblas.so.0", "libopenblas.so"}, "openblas_set_num_threads");
  if (openblas != nullptr) openblas(threads);
}

void keepFloat32() {
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setAllowTF32CuDNN(false);
}

std::string explainMemory(const std::string& cause) {
  const bool full = cause.find("out of memory") != std::string::npos || cause.find("not enough memory") != std::string::npos ||
                    cause.find("can't allocate memory") != std::string::npos || cause.find("bad_alloc") != std::string::npos;
  return full ? "out of memory; use a smaller batch or checkpoint blocks (" + cause + ")" : cause;
}
