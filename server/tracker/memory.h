// Memory hands out the blocks that tables are made of: from regions of 2 MiB,
// huge pages where the system has them, so that a random record costs one miss
// and not a walk through page tables besides. Of the regions without a block in use as
// many are kept as there are in use, for connections that come and go in waves: the
// system clears every page that it gives. The others go back to it.
//
// Thread-safe; meant to be called now and then, not for each packet.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "server/tracker/mutex.h"

namespace conntrack {

class Memory {
 public:
  Memory() = default;
  // REQUIRES: every block was freed.
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // Aligned to a cache line, not initialised. Without memory the process ends,
  // as with new. Few sizes should be in use: each has regions of its own.
  void* Allocate(size_t bytes);
  // `bytes` as given to Allocate.
  void Free(void* block, size_t bytes);

  // Bytes taken from the system, free blocks and spare regions included.
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  // Blocks of one size, side by side.
  struct Region {
    size_t used = 0;
    // Blocks from here on were never handed out.
    size_t fresh = 0;
    // Blocks that came back: each holds the address of the next.
    void* free = nullptr;
  };
  struct Class {
    std::map<char*, Region> regions;
    // Those with a free block.
    std::set<char*> open;
  };

  // A region without a block in use: a spare one, or a new one.
  char* TakeRegion() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void GiveRegion(char* begin) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  char* Map(size_t bytes);
  void Unmap(char* begin, size_t bytes);

  Mutex mutex_;
  // By size of block.
  std::map<size_t, Class> classes_ ABSL_GUARDED_BY(mutex_);
  size_t regions_in_use_ ABSL_GUARDED_BY(mutex_) = 0;
  // Never more than are in use.
  std::vector<char*> spare_ ABSL_GUARDED_BY(mutex_);
  std::atomic<uint64_t> bytes_{0};
};

}  // namespace conntrack
