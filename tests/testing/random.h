// Random numbers for tests: the same sequence from the same seed with every
// standard library. The seed is CONNTRACK_TEST_SEED of the environment, else a
// new one; it is printed, so that a failure can be run again.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

namespace conntrack::testing {

inline uint64_t TestSeed() {
  const char* given = std::getenv("CONNTRACK_TEST_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device()();
  std::printf("CONNTRACK_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

// How much a test does: what the environment says under `name`, else `by_default`.
inline uint64_t TestCount(const char* name, uint64_t by_default) {
  const char* given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 0) : by_default;
}

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  uint64_t Next() { return engine_(); }
  // 0 to `count` - 1. REQUIRES: count > 0.
  uint64_t Below(uint64_t count) { return engine_() % count; }
  // True in one of `count` cases.
  bool OneIn(uint64_t count) { return Below(count) == 0; }
  template <typename T>
  const T& Pick(const std::vector<T>& values) {
    return values[Below(values.size())];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace conntrack::testing
