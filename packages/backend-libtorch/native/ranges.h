// Parts of a long row of bytes, each a beginning and a size. No two touch: neighbours are one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>

class Ranges {
 public:
  using Parts = std::map<std::size_t, std::size_t>;

  const Parts& parts() const { return parts_; }

  void add(std::size_t start, std::size_t size) {
    remove(start, size);
    const auto after = parts_.find(start + size);
    if (after != parts_.end()) {
      size += after->second;
      parts_.erase(after);
    }
    const auto next = parts_.upper_bound(start);
    if (next != parts_.begin() && endOf(std::prev(next)) == start) std::prev(next)->second += size;
    else parts_.emplace(start, size);
  }

  void remove(std::size_t start, std::size_t size) {
    const std::size_t end = start + size;
    for (auto part = firstBeyond(start); part != parts_.end() && part->first < end;) {
      const auto [begin, length] = *part;
      part = parts_.erase(part);
      if (begin < start) parts_.emplace(begin, start - begin);
      if (begin + length > end) parts_.emplace(end, begin + length - end);
    }
  }

  /** How many of the bytes [start, start + size) are in here. */
  std::size_t within(std::size_t start, std::size_t size) const {
    std::size_t bytes = 0;
    for (auto part = firstBeyond(start); part != parts_.end() && part->first < start + size; ++part) {
      bytes += std::min(endOf(part), start + size) - std::max(part->first, start);
    }
    return bytes;
  }

 private:
  static std::size_t endOf(Parts::const_iterator part) { return part->first + part->second; }

  /** The first part that ends behind `start`. */
  Parts::const_iterator firstBeyond(std::size_t start) const {
    const auto next = parts_.upper_bound(start);
    return next != parts_.begin() && endOf(std::prev(next)) > start ? std::prev(next) : next;
  }

  Parts parts_;
};
