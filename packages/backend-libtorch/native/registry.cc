#include "registry.h"

std::vector<Kernel>& kernels() {
  static std::vector<Kernel> all;
  return all;
}

Settings& settings() {
  static Settings current;
  return current;
}
