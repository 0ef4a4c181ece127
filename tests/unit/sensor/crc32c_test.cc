#include "client/sensor/crc32c.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "tests/unit/sensor/frames.h"

namespace conntrack::sensor {
namespace {

using testing::Buffer;
using testing::NaiveCrc32c;

uint32_t CrcOf(const Buffer& bytes) { return Crc32c().Add(bytes).value(); }

// RFC 3720 B.4.
TEST(Crc32cTest, VectorsOfTheStandard) {
  EXPECT_EQ(CrcOf(Buffer(32, 0x00)), 0x8a9136aau);
  EXPECT_EQ(CrcOf(Buffer(32, 0xff)), 0x62a8ab43u);
  Buffer ascending(32);
  std::iota(ascending.begin(), ascending.end(), 0);
  EXPECT_EQ(CrcOf(ascending), 0x46dd794eu);
  EXPECT_EQ(CrcOf(Buffer(ascending.rbegin(), ascending.rend())), 0x113fdb5cu);
  const Buffer read_command = {0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0,    0,    0,    0, 0, 0, 0,
                               0x14, 0,    0, 0, 0, 0, 4, 0, 0, 0,    0,    0x14, 0, 0, 0, 0x18,
                               0x28, 0,    0, 0, 0, 0, 0, 0, 2, 0x00, 0x00, 0x00, 0, 0, 0, 0};
  EXPECT_EQ(CrcOf(read_command), 0xd9963a56u);
}

TEST(Crc32cTest, PartsOfAnyLengthAgreeWithTheNaiveSum) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  Buffer bytes(3'000);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  for (size_t length = 0; length < bytes.size(); length += 1 + length / 8) {
    const Bytes whole = FirstBytes(bytes, length);
    const size_t head = length == 0 ? 0 : random() % length;
    EXPECT_EQ(Crc32c().Add(whole.first(head)).Add(whole.subspan(head)).value(),
              NaiveCrc32c(Buffer(whole.begin(), whole.end())))
        << head << " of " << length << " bytes";
  }
}

}  // namespace
}  // namespace conntrack::sensor
