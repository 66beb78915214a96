#include "call.h"

#include <algorithm>
#include <array>

#include "settings.h"

at::ScalarType scalarTypeOf(Dtype dtype) {
  switch (dtype) {
    case Dtype::float32:
      return at::kFloat;
    case Dtype::int32:
      return at::kInt;
    case Dtype::boolean:
      return at::kBool;
  }
  throw std::invalid_argument("unknown dtype " + std::to_string(static_cast<int>(dtype)));
}

Dtype dtypeOf(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
    case at::kBFloat16:
      return Dtype::float32;
    case at::kInt:
      return Dtype::int32;
    case at::kBool:
      return Dtype::boolean;
    default:
      throw std::logic_error(std::string("a kernel gave a tensor of ") + at::toString(tensor.scalar_type()));
  }
}

Call::Call(double* frame, std::size_t length, std::size_t capacity) : frame_(frame), length_(length), capacity_(capacity) {
  const std::size_t count = this->length();
  inputs_.reserve(count);
  handles_.reserve(count);
  for (std::size_t i = 0; i < count; i++) {
    const std::int64_t handle = integer();
    const auto sizes = integers();
    handles_.push_back(handle < 0 ? Handle{} : static_cast<Handle>(handle));
    if (handle < 0) {
      inputs_.emplace_back();
      continue;
    }
    const at::Tensor& tensor = tensors().at(static_cast<Handle>(handle));
    // A reshape is the same memory under other sizes, which only the caller knows.
    inputs_.push_back(tensor.sizes() == at::IntArrayRef(sizes) ? tensor : tensor.view(sizes));
  }
}

double Call::next() {
  if (position_ >= length_) throw std::out_of_range("the kernel reads more than it was given");
  return frame_[position_++];
}

double Call::number() { return next(); }

namespace {

/** Without what is after the point. @throws std::invalid_argument for what is not finite, or beyond the whole numbers of a double */
std::int64_t integerOf(double value) {
  constexpr double kLimit = 9007199254740992.0;
  if (value >= -kLimit && value <= kLimit) return static_cast<std::int64_t>(value);
  throw std::invalid_argument(std::to_string(value) + " came where a whole number was expected");
}

}  // namespace

std::int64_t Call::integer() { return integerOf(next()); }

std::size_t Call::length() {
  const std::int64_t count = integer();
  if (count < 0 || static_cast<std::size_t>(count) > length_ - position_) throw std::out_of_range("the kernel reads more than it was given");
  return static_cast<std::size_t>(count);
}

at::ArrayRef<double> Call::list() {
  const std::size_t count = length();
  position_ += count;
  return {frame_ + position_ - count, count};
}

std::vector<std::int64_t> Call::integers() {
  const auto values = list();
  std::vector<std::int64_t> result(values.size());
  std::transform(values.begin(), values.end(), result.begin(), integerOf);
  return result;
}

std::vector<std::int64_t> Call::integers(std::size_t count) {
  auto values = integers();
  if (values.size() == count) return values;
  throw std::invalid_argument(std::to_string(values.size()) + " numbers came where " + std::to_string(count) + " were expected");
}

std::vector<double> Call::numbers() { return list().vec(); }

at::ScalarType Call::dtype() { return scalarTypeOf(static_cast<Dtype>(integer())); }

const at::Tensor& Call::stored(std::size_t i) const {
  if (!has(i)) throw std::invalid_argument("input " + std::to_string(i) + " is missing");
  const at::Tensor& tensor = inputs_[i];
  // On the way to a GPU nothing waits: the driver takes pageable memory before it returns.
  const bool upload = tensor.device().is_cpu();
  if (tensor.device() != settings().device) const_cast<Call*>(this)->inputs_[i] = tensor.to(settings().device, /*non_blocking=*/upload);
  return inputs_[i];
}

at::Tensor Call::input(std::size_t i) const {
  const at::Tensor& tensor = stored(i);
  return tensor.scalar_type() == at::kBFloat16 ? tensor.to(at::kFloat) : tensor;
}

at::Tensor Call::operand(std::size_t i) const {
  const bool scalar = has(i) && inputs_[i].dim() == 0 && inputs_[i].scalar_type() != at::kBFloat16;
  return scalar ? inputs_[i] : input(i);
}

at::Tensor Call::variable(std::size_t i) {
  if (!has(i)) throw std::invalid_argument("input " + std::to_string(i) + " is missing");
  at::Tensor& kept = tensors().at(handles_[i]);
  kept = kept.to(at::TensorOptions(settings().device).dtype(at::kFloat));
  return kept.view(inputs_[i].sizes());
}

namespace {

/** The sizes that letters stand for, 0 for those that have not been met. */
using LetterSizes = std::array<std::int64_t, 128>;

/** Whether one axis, such as "D", "2H" or "1" at `shape`, can be `size`; moves `shape` behind it. */
bool fitsAxis(const char*& shape, std::int64_t size, LetterSizes& letters) {
  std::int64_t factor = 0;
  while (*shape >= '0' && *shape <= '9') factor = 10 * factor + (*shape++ - '0');
  if (*shape == ' ' || *shape == '\0') return size == factor;
  factor = std::max<std::int64_t>(factor, 1);
  std::int64_t& letter = letters[static_cast<unsigned char>(*shape++)];
  if (letter == 0 && size % factor == 0) letter = size / factor;
  return size > 0 && size == factor * letter;
}

bool fitsShape(const char* shape, at::IntArrayRef sizes, LetterSizes& letters) {
  for (const std::int64_t size : sizes) {
    while (*shape == ' ') shape++;
    if (*shape == '\0' || !fitsAxis(shape, size, letters)) return false;
  }
  return *shape == '\0';
}

}  // namespace

void Call::expect(std::initializer_list<const char*> shapes) {
  LetterSizes letters{};
  std::size_t i = 0;
  for (const char* shape : shapes) {
    const std::size_t place = i++;
    const bool optional = *shape == '?';
    if (optional && !has(place)) continue;
    if (optional) shape++;
    const at::Tensor& tensor = stored(place);
    const bool number = tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kBFloat16;
    const bool same = *shape == '=' && tensor.sizes() == stored(0).sizes();
    if (number && (same || *shape == '*' || fitsShape(shape, tensor.sizes(), letters))) continue;
    throw std::invalid_argument("input " + std::to_string(place) + " was expected to be float32 [" + shape + "]");
  }
}

std::size_t Call::expectGroups(std::size_t size) {
  if (inputs() == 0 || inputs() % size != 0) throw std::invalid_argument("inputs in groups of " + std::to_string(size) + " were expected");
  for (std::size_t i = 0; i < inputs(); i++) {
    if (dtypeOf(stored(i)) == Dtype::float32 && stored(i).sizes() == stored(i - i % size).sizes()) continue;
    throw std::invalid_argument("input " + std::to_string(i) + " was expected to be float32, of the shape of input " + std::to_string(i - i % size));
  }
  return inputs() / size;
}

void Call::output(at::Tensor tensor) {
  tensor = tensor.contiguous();
  const auto sharesMemory = [&](const at::Tensor& other) { return other.defined() && tensor.is_alias_of(other); };
  const bool part = tensor.storage().nbytes() != tensor.nbytes();
  if (part || std::any_of(inputs_.begin(), inputs_.end(), sharesMemory)) tensor = tensor.clone(at::MemoryFormat::Contiguous);
  outputs_.push_back(std::move(tensor));
}

std::string Call::describeInputs() const {
  std::string text;
  for (const at::Tensor& input : inputs_) {
    text += text.empty() ? "[" : ", [";
    if (input.defined()) {
      for (std::int64_t i = 0; i < input.dim(); i++) text += (i ? ", " : "") + std::to_string(input.size(i));
    }
    text += !input.defined() ? "none]" : input.scalar_type() == at::kInt ? "] int32" : input.scalar_type() == at::kBool ? "] bool" : "] float32";
  }
  return text;
}

void Call::finish() {
  std::size_t position = 0;
  const auto put = [&](double value) {
    if (position >= capacity_) throw std::out_of_range("the frame is too small for the outputs");
    frame_[position++] = value;
  };
  std::size_t needed = 1;
  for (const at::Tensor& output : outputs_) needed += 3 + static_cast<std::size_t>(output.dim());
  if (needed > capacity_) throw std::out_of_range("the frame is too small for the outputs");
  put(static_cast<double>(outputs_.size()));
  for (at::Tensor& output : outputs_) {
    const Dtype dtype = dtypeOf(output);
    const auto sizes = output.sizes().vec();
    put(static_cast<double>(tensors().insert(std::move(output))));
    put(static_cast<double>(dtype));
    put(static_cast<double>(sizes.size()));
    for (const std::int64_t size : sizes) put(static_cast<double>(size));
  }
}
