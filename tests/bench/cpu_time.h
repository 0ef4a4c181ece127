// What this process used of the cores.
#pragma once

#include <cstdint>
#include <ctime>

namespace conntrack::bench {

// Nanoseconds of all threads, in the kernel too.
inline int64_t CpuTimeNs() {
  timespec time = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace conntrack::bench
