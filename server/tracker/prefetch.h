// Prefetch starts to load a cache line; nothing waits for it.
#pragma once

namespace conntrack {

inline void Prefetch(const void* address) {
  __builtin_prefetch(address, 1);
  // Without it GCC takes a function that only prefetches for one without effect,
  // and drops its calls.
  asm volatile("" : : "r"(address));
}

}  // namespace conntrack
