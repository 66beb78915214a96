// The tensors that JavaScript holds, by handle. A handle is a slot and the number of times that slot has been used before,
// so that a released handle is recognised for good instead of reading whatever came after it.
#pragma once

#include "libtorch.h"

/** Fits in a double without loss: 24 bits of slot, 29 bits of generation. */
using Handle = std::uint64_t;

class TensorTable {
 public:
  Handle insert(at::Tensor tensor);

  /** @throws std::out_of_range for a handle that was released or never given */
  at::Tensor& at(Handle handle);

  void release(Handle handle);

  /** Releases every tensor. */
  void clear();

  std::size_t size() const { return entries_.size() - free_.size(); }

  /** Bytes of the distinct storages of all tensors. */
  std::size_t bytes() const;

 private:
  struct Entry {
    at::Tensor tensor;
    std::uint32_t generation = 0;
  };

  Entry& entry(Handle handle);
  void empty(std::size_t slot);

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
};

/** The one table of the process. */
TensorTable& tensors();
