#include "host-memory.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>

#include <cstdlib>
#include <limits>
#include <map>
#include <mutex>
#include <unordered_map>

#include "libtorch.h"

namespace {

/** Below, the C library is as good. */
constexpr std::size_t kLarge = std::size_t{1} << 20;
/** A large page of the processor, which a block is made of: a thousandth of the page faults. */
constexpr std::size_t kPage = std::size_t{2} << 20;
/** Sizes are multiples of this. */
constexpr std::size_t kGrain = std::size_t{64} << 10;
constexpr std::size_t kAlignment = 64;

/** As LibTorch's own allocator says it, for the words of `explainMemory`. */
[[noreturn]] void refuse(std::size_t bytes) {
  throw std::runtime_error("not enough memory: you tried to allocate " + std::to_string(bytes) + " bytes");
}

/** Memory of its own that begins with a large page: `bytes` between what was mapped before and behind it. */
void* mapped(std::size_t bytes) {
  const std::size_t whole = bytes + kPage;
  void* memory = whole < bytes ? MAP_FAILED : mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) refuse(bytes);
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  const std::size_t before = (kPage - address % kPage) % kPage;
  char* start = static_cast<char*>(memory) + before;
  if (before > 0) munmap(memory, before);
  munmap(start + bytes, kPage - before);
  madvise(start, bytes, MADV_HUGEPAGE);
  return start;
}

/** Blocks that are free and blocks that are not. What is kept never makes the peak higher: a miss first gives back as much as it takes. */
class BlockCache {
 public:
  void* take(std::size_t bytes) {
    if (bytes > std::numeric_limits<std::ptrdiff_t>::max() - kPage) refuse(bytes);
    const std::size_t size = (bytes + kGrain - 1) / kGrain * kGrain;
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto fit = free_.lower_bound(size);
    if (fit != free_.end() && fit->first <= size + size / 16) {
      void* memory = fit->second;
      sizes_[memory] = fit->first;
      free_.erase(fit);
      return memory;
    }
    giveBack(size);
    void* memory = mapped(size);
    sizes_[memory] = size;
    return memory;
  }

  /** False when the memory is not one of the blocks. */
  bool put(void* memory) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto taken = sizes_.find(memory);
    if (taken == sizes_.end()) return false;
    free_.emplace(taken->second, memory);
    sizes_.erase(taken);
    return true;
  }

 private:
  /** Frees blocks, the largest first, until they add up to `bytes` or none is left. */
  void giveBack(std::size_t bytes) {
    std::size_t freed = 0;
    while (freed < bytes && !free_.empty()) {
      const auto last = std::prev(free_.end());
      freed += last->first;
      munmap(last->second, last->first);
      free_.erase(last);
    }
  }

  std::mutex mutex_;
  std::multimap<std::size_t, void*> free_;
  std::unordered_map<void*, std::size_t> sizes_;
};

/** Never destroyed: tensors of static objects may be freed after it. */
BlockCache& blocks() {
  static auto* cache = new BlockCache;
  return *cache;
}

void freeLarge(void* memory) { blocks().put(memory); }

void freeAny(void* memory) {
  if (!blocks().put(memory)) std::free(memory);
}

class HostAllocator final : public c10::Allocator {
 public:
#if LIBTORCH_VERSION >= 20300
  c10::DataPtr allocate(std::size_t bytes) override { return block(bytes); }
#else
  c10::DataPtr allocate(std::size_t bytes) const override { return block(bytes); }
#endif

#if LIBTORCH_VERSION >= 20100
  void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }
#endif

  c10::DeleterFnPtr raw_deleter() const override { return &freeAny; }

 private:
  static c10::DataPtr block(std::size_t bytes) {
    const c10::Device device(c10::kCPU);
    if (bytes == 0) return {nullptr, nullptr, &freeAny, device};
    if (bytes < kLarge) {
      void* memory = nullptr;
      if (posix_memalign(&memory, kAlignment, bytes) != 0) refuse(bytes);
      return {memory, memory, &std::free, device};
    }
    void* memory = blocks().take(bytes);
    return {memory, memory, &freeLarge, device};
  }
};

}  // namespace

void keepHostMemory() {
  static HostAllocator allocator;
  c10::SetCPUAllocator(&allocator, /*priority=*/1);
}
