#include "server/tracker/memory.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <vector>

#include "tests/testing/random.h"

namespace conntrack {
namespace {

TEST(MemoryTest, BlocksOfEverySizeAreApartAndAligned) {
  Memory memory;
  testing::Random random(testing::TestSeed());
  const std::vector<size_t> sizes = {64, 640, 4096, 10'248, 32'768, 1u << 20, 2u << 20, 8u << 20};
  struct Block {
    size_t bytes;
    uint8_t mark;
  };
  std::map<char*, Block> blocks;
  const auto release = [&](std::map<char*, Block>::iterator block) {
    for (const size_t at : {size_t{0}, block->second.bytes / 2, block->second.bytes - 1}) {
      ASSERT_EQ(static_cast<uint8_t>(block->first[at]), block->second.mark);
    }
    memory.Free(block->first, block->second.bytes);
    blocks.erase(block);
  };
  for (int i = 0; i < 5'000; ++i) {
    if (!blocks.empty() && random.OneIn(2)) {
      auto block = blocks.begin();
      std::advance(block, random.Below(blocks.size()));
      release(block);
      continue;
    }
    const size_t bytes = sizes[random.Below(sizes.size())];
    auto* const begin = static_cast<char*>(memory.Allocate(bytes));
    ASSERT_EQ(reinterpret_cast<uintptr_t>(begin) % 64, 0u);
    const auto above = blocks.upper_bound(begin);
    if (above != blocks.end()) {
      ASSERT_LE(begin + bytes, above->first);
    }
    if (above != blocks.begin()) {
      ASSERT_LE(std::prev(above)->first + std::prev(above)->second.bytes, begin);
    }
    const auto mark = static_cast<uint8_t>(random.Next());
    std::memset(begin, mark, bytes);
    blocks[begin] = {bytes, mark};
  }
  while (!blocks.empty()) release(blocks.begin());
  EXPECT_EQ(memory.bytes(), 0u);
}

TEST(MemoryTest, AnEmptyRegionGoesBack) {
  Memory memory;
  std::vector<void*> blocks;
  while (blocks.size() < 1'000) blocks.push_back(memory.Allocate(10'240));
  const uint64_t full = memory.bytes();
  EXPECT_GE(full, 10'240'000u);
  EXPECT_LE(full, 10'240'000u + 2 * (2u << 20));
  // Half of each region: nothing can go back. What is free is used again.
  for (size_t i = 0; i < blocks.size(); i += 2) memory.Free(blocks[i], 10'240);
  EXPECT_EQ(memory.bytes(), full);
  for (size_t i = 0; i < blocks.size(); i += 2) blocks[i] = memory.Allocate(10'240);
  EXPECT_EQ(memory.bytes(), full);
  for (void* block : blocks) memory.Free(block, 10'240);
  EXPECT_EQ(memory.bytes(), 0u);
}

}  // namespace
}  // namespace conntrack
