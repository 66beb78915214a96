// Memory of one call beside its tensors. From their allocator, which refuses what the machine has not got, in an error that
// says so: a std::vector of such a size would end the process.
#pragma once

#include "libtorch.h"

/** Room for `count` plain values, which nothing has written yet. */
template <typename T>
class Scratch {
 public:
  explicit Scratch(std::int64_t count)
      : bytes_(at::empty({count * static_cast<std::int64_t>(sizeof(T))}, at::kByte)), data_(static_cast<T*>(bytes_.data_ptr())) {}

  T* data() const { return data_; }
  T& operator[](std::int64_t i) const { return data_[i]; }

 private:
  at::Tensor bytes_;
  T* data_;
};
