#include "server/tracker/memory.h"

#include <sys/mman.h>

#include <cstring>
#include <new>

#include "server/tracker/check.h"

namespace conntrack {
namespace {

constexpr size_t kRegionBytes = 2u << 20;
// Smaller blocks come from the heap, larger ones have a mapping of their own.
constexpr size_t kSmallBytes = 4096;
constexpr size_t kLargeBytes = kRegionBytes / 2;
constexpr std::align_val_t kCacheLine{64};

// Blocks side by side are aligned when their size is.
constexpr size_t RoundUp(size_t bytes) { return (bytes + 63) & ~size_t{63}; }

char* RegionOf(void* block) {
  return reinterpret_cast<char*>(reinterpret_cast<uintptr_t>(block) & ~(kRegionBytes - 1));
}

}  // namespace

Memory::~Memory() { CT_CHECK(bytes() == 0); }

void* Memory::Allocate(size_t bytes) {
  bytes = RoundUp(bytes);
  if (bytes < kSmallBytes) {
    bytes_.fetch_add(bytes, std::memory_order_relaxed);
    return ::operator new(bytes, kCacheLine);
  }
  if (bytes > kLargeBytes) return Map(bytes);
  const MutexLock lock(&mutex_);
  Class& blocks = classes_[bytes];
  if (blocks.open.empty()) {
    char* const begin = TakeRegion();
    blocks.regions[begin] = Region{};
    blocks.open.insert(begin);
  }
  // The lowest: those above it may become empty.
  char* const begin = *blocks.open.begin();
  Region& region = blocks.regions[begin];
  void* block = region.free;
  if (block != nullptr) {
    std::memcpy(&region.free, block, sizeof(region.free));
  } else {
    block = begin + region.fresh++ * bytes;
  }
  ++region.used;
  if (region.used == kRegionBytes / bytes) blocks.open.erase(begin);
  return block;
}

void Memory::Free(void* block, size_t bytes) {
  bytes = RoundUp(bytes);
  if (bytes < kSmallBytes) {
    bytes_.fetch_sub(bytes, std::memory_order_relaxed);
    ::operator delete(block, kCacheLine);
    return;
  }
  if (bytes > kLargeBytes) return Unmap(static_cast<char*>(block), bytes);
  const MutexLock lock(&mutex_);
  Class& blocks = classes_[bytes];
  char* const begin = RegionOf(block);
  Region& region = blocks.regions[begin];
  std::memcpy(block, &region.free, sizeof(region.free));
  region.free = block;
  if (--region.used == 0) {
    blocks.open.erase(begin);
    blocks.regions.erase(begin);
    GiveRegion(begin);
  } else {
    blocks.open.insert(begin);
  }
}

char* Memory::TakeRegion() {
  ++regions_in_use_;
  if (spare_.empty()) return Map(kRegionBytes);
  char* const begin = spare_.back();
  spare_.pop_back();
  return begin;
}

void Memory::GiveRegion(char* begin) {
  --regions_in_use_;
  spare_.push_back(begin);
  while (spare_.size() > regions_in_use_) {
    Unmap(spare_.back(), kRegionBytes);
    spare_.pop_back();
  }
}

char* Memory::Map(size_t bytes) {
  // The kernel aligns to small pages only: what is too much is given back.
  const size_t room = bytes + kRegionBytes;
  void* const mapped =
      mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  char* const first = static_cast<char*>(mapped);
  char* const begin = RegionOf(first + kRegionBytes - 1);
  if (begin != first) munmap(first, static_cast<size_t>(begin - first));
  if (begin + bytes != first + room) {
    munmap(begin + bytes, static_cast<size_t>(first + room - begin - bytes));
  }
  // Only advice: small pages do as well, more slowly.
  madvise(begin, bytes, MADV_HUGEPAGE);
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
  return begin;
}

void Memory::Unmap(char* begin, size_t bytes) {
  munmap(begin, bytes);
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

}  // namespace conntrack
