// Kernels by name. A file in kernels/ defines each with KERNEL(Name) { … call … }, and is known by being linked.
#pragma once

#include "call.h"
#include "settings.h"

using KernelFunction = void (*)(Call&);

struct Kernel {
  const char* name;
  KernelFunction run;
};

/** All kernels, in the order of their registration; JavaScript calls them by their place. */
std::vector<Kernel>& kernels();

struct KernelRegistration {
  KernelRegistration(const char* name, KernelFunction run) { kernels().push_back({name, run}); }
};

#define KERNEL(Name)                                                  \
  static void kernel##Name(Call& call);                               \
  static const KernelRegistration registration##Name{#Name, kernel##Name}; \
  static void kernel##Name(Call& call)
