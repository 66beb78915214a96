// How much memory this process may still have written to: beyond it the system grants addresses all the same, and ends the process
// when they are used.
#pragma once

#include <cstddef>

/** What the system has left, or a control group (a container's) that counts this process' memory, whichever is less. */
std::size_t availableMemory();
