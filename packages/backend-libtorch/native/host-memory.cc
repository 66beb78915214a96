#include "host-memory.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <unordered_map>

#include "available-memory.h"
#include "libtorch.h"
#include "ranges.h"

namespace {

/** Below, the C library is as good. */
constexpr std::size_t kLarge = std::size_t{64} << 10;
/** Sizes are multiples of this, so that neighbours share no page. */
constexpr std::size_t kGrain = std::size_t{16} << 10;
constexpr std::size_t kAlignment = 64;
/** Addresses, not memory: a page costs nothing before it is written to. */
constexpr std::size_t kReserved = std::size_t{1} << 42;

/** Less is kept: a loop over one tensor should not have it mapped anew each time. */
constexpr std::size_t kWorthGivingBack = std::size_t{64} << 20;

/** As LibTorch's own allocator says it, for the words of `explainMemory`. */
[[noreturn]] void refuse(std::size_t bytes) {
  throw std::runtime_error("not enough memory: you tried to allocate " + std::to_string(bytes) + " bytes");
}

/**
 * Large blocks of one reserved range of addresses, each the smallest that fits, neighbours that are free become one. So
 * what a step takes lies close together, and the next step finds it there, mapped: nothing goes back to the system until almost
 * all is free.
 */
class Arena {
 public:
  Arena() {
    void* memory = mmap(nullptr, kReserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return;
    // In the processor's large pages: a thousandth of the page faults.
    madvise(memory, kReserved, MADV_HUGEPAGE);
    base_ = static_cast<char*>(memory);
    bare_.add(0, kReserved);
  }

  /** Null where the system reserves no such range. */
  void* take(std::size_t bytes) {
    if (base_ == nullptr) return nullptr;
    const std::size_t size = (std::min(bytes, kReserved) + kGrain - 1) / kGrain * kGrain;
    const std::lock_guard<std::mutex> lock(mutex_);
    const std::size_t start = placeFor(size);
    const std::size_t wanted = bare_.within(start, size);
    if (size > kReserved - start || (wanted > 0 && wanted > availableMemory())) refuse(bytes);
    free_.remove(start, size);
    bare_.remove(start, size);
    end_ = std::max(end_, start + size);
    sizes_.emplace(start, size);
    used_ += size;
    mostUsed_ = std::max(mostUsed_, used_);
    return base_ + start;
  }

  /** False when the memory is not one of the blocks. */
  bool put(void* memory) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto block = sizes_.find(static_cast<char*>(memory) - base_);
    if (base_ == nullptr || block == sizes_.end()) return false;
    const auto [start, size] = *block;
    sizes_.erase(block);
    used_ -= size;
    free_.add(start, size);
    if (mostUsed_ > kWorthGivingBack && used_ < mostUsed_ / 32) giveBack();
    return true;
  }

 private:
  /** The smallest free block that fits; else the end, where a free block that is too small grows. */
  std::size_t placeFor(std::size_t size) const {
    const Ranges::Parts& blocks = free_.parts();
    auto best = blocks.end();
    for (auto block = blocks.begin(); block != blocks.end(); ++block) {
      if (block->second >= size && (best == blocks.end() || block->second < best->second)) best = block;
    }
    if (best != blocks.end()) return best->first;
    const bool grows = !blocks.empty() && blocks.rbegin()->first + blocks.rbegin()->second == end_;
    return grows ? blocks.rbegin()->first : end_;
  }

  /** The pages of the free blocks go back to the system; the addresses stay. */
  void giveBack() {
    mostUsed_ = used_;
    for (const auto& [start, size] : free_.parts()) {
      madvise(base_ + start, size, MADV_DONTNEED);
      bare_.add(start, size);
    }
    if (free_.parts().empty()) return;
    const auto [start, size] = *free_.parts().rbegin();
    if (start + size != end_) return;
    end_ = start;
    free_.remove(start, size);
  }

  std::mutex mutex_;
  char* base_ = nullptr;
  /** Everything from here on is free, and not in `free_`. */
  std::size_t end_ = 0;
  std::size_t used_ = 0;
  /** The most of `used_` since pages last went back: about what is mapped. */
  std::size_t mostUsed_ = 0;
  Ranges free_;
  /** What has no pages, as nothing has been there yet or they went back: the system has to have them when it is taken. */
  Ranges bare_;
  std::unordered_map<std::size_t, std::size_t> sizes_;
};

/** Never destroyed: tensors of static objects may be freed after it. */
Arena& arena() {
  static auto* blocks = new Arena;
  return *blocks;
}

void freeLarge(void* memory) { arena().put(memory); }

void freeAny(void* memory) {
  if (!arena().put(memory)) std::free(memory);
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
    if (bytes >= kLarge) {
      if (void* memory = arena().take(bytes)) return {memory, memory, &freeLarge, device};
    }
    void* memory = nullptr;
    if (posix_memalign(&memory, kAlignment, bytes) != 0) refuse(bytes);
    return {memory, memory, &std::free, device};
  }
};

}  // namespace

void keepHostMemory() {
#ifndef __SANITIZE_ADDRESS__  // It watches the C library's blocks only.
  static HostAllocator allocator;
  c10::SetCPUAllocator(&allocator, /*priority=*/1);
#endif
}
