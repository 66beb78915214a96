// One run of a kernel: its inputs and attributes come from the frame, a block of doubles shared with JavaScript, and its
// outputs go back there. The frame costs one crossing of the language border a kernel, whatever the number of its operands.
//
//   in:  [inputs, {handle or -1, rank, sizes…} per input, attributes…]
//   out: [outputs, {handle, dtype, rank, sizes…} per output]
#pragma once

#include "libtorch.h"
#include "tensor-table.h"

/** How JavaScript names a dtype: its place in this list (see src/dtypes.ts). */
enum class Dtype : int { float32 = 0, int32 = 1, boolean = 2 };

at::ScalarType scalarTypeOf(Dtype dtype);
Dtype dtypeOf(const at::Tensor& tensor);

class Call {
 public:
  /** @param length of what was written to the frame; the outputs may take all of its `capacity` */
  Call(double* frame, std::size_t length, std::size_t capacity);

  std::size_t inputs() const { return inputs_.size(); }

  /** Whether the optional input `i` was given. */
  bool has(std::size_t i) const { return i < inputs_.size() && inputs_[i].defined(); }

  /** Input `i` as JavaScript sees it, contiguous on the device: float32, int32 or bool. */
  at::Tensor input(std::size_t i) const;

  /** Input `i` as it is stored, which may be bfloat16 where JavaScript sees float32. Contiguous, on the device. */
  const at::Tensor& stored(std::size_t i) const;

  /** Input `i` for an op that takes a number in place of a tensor: a scalar may still lie in the memory of the processor. */
  at::Tensor operand(std::size_t i) const;

  /** Input `i` as float32 memory on the device that JavaScript keeps, for a kernel that writes to it. */
  at::Tensor variable(std::size_t i);

  /**
   * Checks the inputs of a kernel whose loops trust their sizes: float32, and for each input its axes, such as "R D". A letter is one
   * size of at least 1, the same wherever it stands; "2H" is twice H, "1" is 1, "*" any shape, "=" that of the first input. Behind
   * "?" is the shape of an input that may be missing.
   * @throws std::invalid_argument with the place of the input that does not fit
   */
  void expect(std::initializer_list<const char*> shapes);

  /** Checks that the inputs come in groups of `size`, at least one, each of float32 tensors of one shape. Returns the number of groups. */
  std::size_t expectGroups(std::size_t size);

  /** The next attribute. */
  double number();
  std::int64_t integer();
  bool flag() { return number() != 0; }
  std::vector<std::int64_t> integers();
  /** The same, of which there must be `count`. */
  std::vector<std::int64_t> integers(std::size_t count);
  std::vector<double> numbers();
  at::ScalarType dtype();

  /** Hands a result to JavaScript, as memory of its own: what shares that of an input, or is a part of more, is copied. */
  void output(at::Tensor tensor);

  /** "[2, 3] float32, [4] int32": the inputs, for an error. */
  std::string describeInputs() const;

  /** Writes the outputs to the frame. Only now do they have handles, so a kernel that fails leaves nothing behind. */
  void finish();

 private:
  double next();
  /** How many numbers follow. */
  std::size_t length();
  at::ArrayRef<double> list();

  double* frame_;
  std::size_t length_;
  std::size_t capacity_;
  std::size_t position_ = 0;
  std::vector<at::Tensor> inputs_;
  std::vector<Handle> handles_;
  std::vector<at::Tensor> outputs_;
};
