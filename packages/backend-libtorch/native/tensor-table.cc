#include "tensor-table.h"

#include <unordered_set>

namespace {
constexpr int kSlotBits = 24;
constexpr Handle kSlotMask = (Handle{1} << kSlotBits) - 1;
constexpr std::uint32_t kGenerations = 1u << 29;
}  // namespace

Handle TensorTable::insert(at::Tensor tensor) {
  if (free_.empty()) {
    if (entries_.size() > kSlotMask) throw std::runtime_error("more than 16 million tensors are alive");
    free_.push_back(static_cast<std::uint32_t>(entries_.size()));
    entries_.emplace_back();
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  entries_[slot].tensor = std::move(tensor);
  return (Handle{entries_[slot].generation} << kSlotBits) | slot;
}

TensorTable::Entry& TensorTable::entry(Handle handle) {
  const Handle slot = handle & kSlotMask;
  if (slot >= entries_.size() || entries_[slot].generation != handle >> kSlotBits || !entries_[slot].tensor.defined()) {
    throw std::out_of_range("a tensor was used after it was disposed of");
  }
  return entries_[slot];
}

at::Tensor& TensorTable::at(Handle handle) { return entry(handle).tensor; }

void TensorTable::release(Handle handle) {
  entry(handle);
  empty(handle & kSlotMask);
}

void TensorTable::clear() {
  for (std::size_t slot = 0; slot < entries_.size(); slot++) {
    if (entries_[slot].tensor.defined()) empty(slot);
  }
}

void TensorTable::empty(std::size_t slot) {
  Entry& emptied = entries_[slot];
  emptied.tensor.reset();
  emptied.generation = (emptied.generation + 1) % kGenerations;
  free_.push_back(static_cast<std::uint32_t>(slot));
}

std::size_t TensorTable::bytes() const {
  std::unordered_set<const void*> seen;
  std::size_t bytes = 0;
  for (const Entry& entry : entries_) {
    if (!entry.tensor.defined() || !seen.insert(entry.tensor.storage().unsafeGetStorageImpl()).second) continue;
    bytes += entry.tensor.storage().nbytes();
  }
  return bytes;
}

TensorTable& tensors() {
  static TensorTable table;
  return table;
}
