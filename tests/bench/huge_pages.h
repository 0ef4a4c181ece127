// An allocator of huge pages, where the system has them: so that a yardstick
// stands on the same pages as the tracker.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>

namespace conntrack::bench {

template <typename T>
struct HugePages {
  using value_type = T;

  HugePages() = default;
  template <typename U>
  HugePages(const HugePages<U>& /*other*/) {}

  T* allocate(size_t count) {
    void* const memory =
        mmap(nullptr, Bytes(count), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    madvise(memory, Bytes(count), MADV_HUGEPAGE);
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, size_t count) { munmap(memory, Bytes(count)); }

  friend bool operator==(const HugePages&, const HugePages&) { return true; }

 private:
  static size_t Bytes(size_t count) {
    constexpr size_t kPage = size_t{2} << 20;
    return (count * sizeof(T) + kPage - 1) / kPage * kPage;
  }
};

}  // namespace conntrack::bench
