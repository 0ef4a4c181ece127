// Starts to load a cache line; nothing waits for it. Prefetch is for lines that
// will be written.
#pragma once

namespace conntrack {

inline void Prefetch(const void* address) {
  __builtin_prefetch(address, 1);
  // Without it GCC takes a function that only prefetches for one without effect,
  // and drops its calls.
  asm volatile("" : : "r"(address));
}

// For lines that are only read.
inline void PrefetchToRead(const void* address) {
  __builtin_prefetch(address, 0);
  asm volatile("" : : "r"(address));
}

}  // namespace conntrack
