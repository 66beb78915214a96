#include "host-memory.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <unordered_map>

#include "libtorch.h"

namespace {

/** Below, the C library is as good. */
constexpr std::size_t kLarge = std::size_t{256} << 10;
/** Sizes are multiples of this, so that neighbours share no page. */
constexpr std::size_t kGrain = std::size_t{16} << 10;
constexpr std::size_t kAlignment = 64;
/** Addresses, not memory: a page costs nothing before it is written to. */
constexpr std::size_t kReserved = std::size_t{1} << 42;

/** Less is kept: a loop over one tensor should not have it mapped anew each time. */
constexpr std::size_t kWorthGivingBack = std::size_t{64} << 20;

/** The number behind `name` in a file of "name number" lines, or the file's only number; else `otherwise`, as where it says "max". */
std::size_t figureOf(const std::string& file, const std::string& name, std::size_t otherwise) {
  std::ifstream figures(file);
  std::size_t figure;
  if (name.empty()) return figures >> figure ? figure : otherwise;
  for (std::string found; figures >> found >> figure; figures.ignore(64, '\n')) {
    if (found == name) return figure;
  }
  return otherwise;
}

/** What a control group can still give; what it keeps of files goes when memory is wanted. */
std::size_t availableIn(const std::string& folder, const char* limit, const char* usage, const std::string& prefix) {
  const std::size_t most = figureOf(folder + limit, "", kReserved);
  if (most >= kReserved) return kReserved;
  const std::string figures = folder + "/memory.stat";
  const std::size_t files = figureOf(figures, prefix + "inactive_file", 0) + figureOf(figures, prefix + "active_file", 0);
  const std::size_t used = figureOf(folder + usage, "", 0);
  return most - std::min(most, used - std::min(used, files));
}

/** What the control groups of this process leave, its own and those around it. Where one is mounted as the root, as in a container, that counts. */
std::size_t availableInGroups() {
  std::size_t least = kReserved;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    // "0::/path", or in version 1 "4:memory:/path".
    const bool first = line.find(":memory:") != std::string::npos;
    if (!first && line.rfind("0::", 0) != 0) continue;
    const std::string root = first ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup";
    std::string path = line.substr(line.find('/'));
    while (true) {
      least = std::min(least, first ? availableIn(root + path, "/memory.limit_in_bytes", "/memory.usage_in_bytes", "total_")
                                    : availableIn(root + path, "/memory.max", "/memory.current", ""));
      if (path.empty()) break;
      path.resize(path.rfind('/'));
    }
  }
  return least;
}

/** What the system can still give. A tensor beyond it is refused: the system would grant the addresses, and end the process when they are written to. */
std::size_t availableMemory() {
  const std::size_t kibibytes = figureOf("/proc/meminfo", "MemAvailable:", kReserved >> 10);
  return std::min(kibibytes << 10, availableInGroups());
}

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
  }

  /** Null where the system reserves no such range. */
  void* take(std::size_t bytes) {
    if (base_ == nullptr) return nullptr;
    const std::size_t size = (std::min(bytes, kReserved) + kGrain - 1) / kGrain * kGrain;
    const std::lock_guard<std::mutex> lock(mutex_);
    auto best = free_.end();
    for (auto block = free_.begin(); block != free_.end(); ++block) {
      if (block->second >= size && (best == free_.end() || block->second < best->second)) best = block;
    }
    if (best != free_.end()) {
      const auto [start, room] = *best;
      free_.erase(best);
      if (room > size) free_.emplace(start + size, room - size);
      return taken(start, size);
    }
    if (size > kReserved - end_ || size > availableMemory()) refuse(bytes);
    // The free block at the end, if there is one, is too small, and grows.
    std::size_t start = end_;
    if (!free_.empty() && std::prev(free_.end())->first + std::prev(free_.end())->second == end_) {
      start = std::prev(free_.end())->first;
      free_.erase(std::prev(free_.end()));
    }
    end_ = start + size;
    return taken(start, size);
  }

  /** False when the memory is not one of the blocks. */
  bool put(void* memory) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto block = sizes_.find(static_cast<char*>(memory) - base_);
    if (base_ == nullptr || block == sizes_.end()) return false;
    auto [start, size] = *block;
    sizes_.erase(block);
    used_ -= size;
    const auto after = free_.lower_bound(start);
    if (after != free_.end() && after->first == start + size) {
      size += after->second;
      free_.erase(after);
    }
    const auto next = free_.lower_bound(start);
    if (next != free_.begin() && std::prev(next)->first + std::prev(next)->second == start) {
      std::prev(next)->second += size;
    } else {
      free_.emplace(start, size);
    }
    if (mostUsed_ > kWorthGivingBack && used_ < mostUsed_ / 32) giveBack();
    return true;
  }

 private:
  void* taken(std::size_t start, std::size_t size) {
    sizes_.emplace(start, size);
    used_ += size;
    mostUsed_ = std::max(mostUsed_, used_);
    return base_ + start;
  }

  /** The pages of the free blocks go back to the system; the addresses stay. */
  void giveBack() {
    mostUsed_ = used_;
    for (const auto& [start, size] : free_) madvise(base_ + start, size, MADV_DONTNEED);
    if (!free_.empty() && std::prev(free_.end())->first + std::prev(free_.end())->second == end_) {
      end_ = std::prev(free_.end())->first;
      free_.erase(std::prev(free_.end()));
    }
  }

  std::mutex mutex_;
  char* base_ = nullptr;
  /** Everything from here on is free, and not in `free_`. */
  std::size_t end_ = 0;
  std::size_t used_ = 0;
  /** The most of `used_` since pages last went back: about what is mapped. */
  std::size_t mostUsed_ = 0;
  std::map<std::size_t, std::size_t> free_;
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
