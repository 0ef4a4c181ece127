#include "server/tracker/tuple.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "server/tracker/hash.h"
#include "tests/testing/random.h"

namespace conntrack {
namespace {

constexpr Address kLow = Ipv4Address(0x0A00'0001);
constexpr Address kHigh = Ipv4Address(0xC000'0207);
constexpr Address kLow6 = {0x2001'0DB8'0000'0000, 1};
constexpr Address kHigh6 = {0x2001'0DB8'0000'0001, 0};

TEST(TupleTest, APacketAndItsAnswerMakeOneKey) {
  for (const uint8_t protocol : {kProtocolTcp, kProtocolUdp, uint8_t{47}}) {
    const auto there = MakeKey(3, Family::kIpv4, protocol, kHigh, kLow, PortsWord(40'000, 443));
    const auto back = MakeKey(3, Family::kIpv4, protocol, kLow, kHigh, PortsWord(443, 40'000));
    ASSERT_TRUE(there.has_value() && back.has_value());
    EXPECT_EQ(there->key, back->key);
    EXPECT_NE(there->from_first, back->from_first);
    EXPECT_EQ(there->key.first, kLow);
    EXPECT_TRUE(back->from_first);
  }
}

TEST(TupleTest, OnlyProtocolsWithPortsKeepThem) {
  const uint32_t ports = PortsWord(443, 40'000);
  EXPECT_EQ(MakeKey(0, Family::kIpv4, kProtocolTcp, kLow, kHigh, ports)->key.ports, ports);
  EXPECT_EQ(MakeKey(0, Family::kIpv4, kProtocolTcp, kHigh, kLow, ports)->key.ports,
            PortsWord(40'000, 443));
  for (const uint8_t protocol : {kProtocolUdp, kProtocolUdplite, kProtocolSctp, kProtocolGre}) {
    EXPECT_EQ(MakeKey(0, Family::kIpv4, protocol, kLow, kHigh, ports)->key.ports, ports);
  }
  EXPECT_EQ(MakeKey(0, Family::kIpv4, 50, kLow, kHigh, ports)->key.ports, 0u);
  // ICMP of the other family is a protocol like any other.
  EXPECT_EQ(MakeKey(0, Family::kIpv4, kProtocolIcmpv6, kLow, kHigh, IcmpWord(1, 0, 7))->key.ports,
            0u);
}

TEST(TupleTest, PortsOrderTheEndsOfOneAddress) {
  const auto there = MakeKey(0, Family::kIpv4, kProtocolTcp, kLow, kLow, PortsWord(9, 5));
  const auto back = MakeKey(0, Family::kIpv4, kProtocolTcp, kLow, kLow, PortsWord(5, 9));
  EXPECT_EQ(there->key, back->key);
  EXPECT_FALSE(there->from_first);
  EXPECT_TRUE(back->from_first);
}

TEST(TupleTest, AddressesOrderByAllTheirBits) {
  const auto there = MakeKey(0, Family::kIpv6, kProtocolUdp, kHigh6, kLow6, PortsWord(1, 2));
  EXPECT_EQ(there->key.first, kLow6);
  EXPECT_EQ(there->key.second, kHigh6);
  EXPECT_EQ(there->key.ports, PortsWord(2, 1));
}

TEST(TupleTest, TheOneWhoAsksIsTheFirstEndOfAnIcmpQuery) {
  for (const bool low_asks : {true, false}) {
    const Address& asker = low_asks ? kLow : kHigh;
    const Address& asked = low_asks ? kHigh : kLow;
    const auto query = MakeKey(0, Family::kIpv4, kProtocolIcmp, asker, asked, IcmpWord(8, 0, 77));
    const auto answer = MakeKey(0, Family::kIpv4, kProtocolIcmp, asked, asker, IcmpWord(0, 0, 77));
    EXPECT_EQ(query->key, answer->key);
    EXPECT_EQ(query->key.first, asker);
    EXPECT_EQ(query->key.ports, IcmpWord(8, 0, 77));
    EXPECT_TRUE(query->from_first);
    EXPECT_FALSE(answer->from_first);
  }
}

TEST(TupleTest, TheSameIdAskedFromTheOtherSideIsAnotherConnection) {
  const auto one = MakeKey(0, Family::kIpv4, kProtocolIcmp, kLow, kHigh, IcmpWord(8, 0, 77));
  const auto other = MakeKey(0, Family::kIpv4, kProtocolIcmp, kHigh, kLow, IcmpWord(8, 0, 77));
  EXPECT_NE(one->key, other->key);
}

TEST(TupleTest, IcmpTypesThatAskNothingHaveNoKey) {
  for (int type = 0; type < 256; ++type) {
    const auto word = IcmpWord(static_cast<uint8_t>(type), 0, 1);
    const bool v4 = std::set<int>{0, 8, 13, 14, 15, 16, 17, 18}.contains(type);
    const bool v6 = std::set<int>{128, 129, 139, 140}.contains(type);
    EXPECT_EQ(MakeKey(0, Family::kIpv4, kProtocolIcmp, kLow, kHigh, word).has_value(), v4) << type;
    EXPECT_EQ(MakeKey(0, Family::kIpv6, kProtocolIcmpv6, kLow6, kHigh6, word).has_value(), v6)
        << type;
  }
}

TEST(TupleTest, InverseOfTheInverseIsTheType) {
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    size_t queries = 0;
    for (int type = 0; type < 256; ++type) {
      const auto here = static_cast<uint8_t>(type);
      const auto inverse = InverseIcmpType(family, here);
      if (!inverse.has_value()) {
        EXPECT_FALSE(IsIcmpQuery(family, here));
        continue;
      }
      EXPECT_EQ(InverseIcmpType(family, *inverse), here);
      EXPECT_NE(IsIcmpQuery(family, here), IsIcmpQuery(family, *inverse));
      queries += IsIcmpQuery(family, here) ? 1 : 0;
    }
    EXPECT_EQ(queries, family == Family::kIpv4 ? 4u : 2u);
  }
}

// A key holds all that tells connections apart, and its hash covers it all.
TEST(TupleTest, EveryPartOfAKeyChangesItsHash) {
  const Key key = MakeKey(3, Family::kIpv4, kProtocolTcp, kLow, kHigh, PortsWord(1, 2))->key;
  std::set<uint64_t> hashes = {TableHash(1, key), TableHash(2, key)};
  Key other = key;
  other.zone = 4;
  hashes.insert(TableHash(1, other));
  other = key;
  other.protocol = kProtocolUdp;
  hashes.insert(TableHash(1, other));
  other = key;
  other.ports = PortsWord(1, 3);
  hashes.insert(TableHash(1, other));
  other = key;
  other.first = Ipv4Address(5);
  hashes.insert(TableHash(1, other));
  other = key;
  other.second = Ipv4Address(5);
  hashes.insert(TableHash(1, other));
  other = key;
  other.family = Family::kIpv6;
  hashes.insert(TableHash(1, other));
  other.first.high = 1;
  hashes.insert(TableHash(1, other));
  other.second.high = 1;
  hashes.insert(TableHash(1, other));
  EXPECT_EQ(hashes.size(), 10u);
}

TEST(TupleTest, SlotsFillEvenly) {
  constexpr size_t kSlots = 256;
  constexpr size_t kPairs = kSlots * 400;
  testing::Random random(testing::TestSeed());
  const uint64_t seed = random.Next();
  std::map<uint64_t, size_t> count;
  for (uint32_t i = 0; i < kPairs; ++i) {
    ++count[SlotHash(seed, 0, Family::kIpv4, Ipv4Address(0x0A00'0000 + i), kHigh) % kSlots];
  }
  EXPECT_EQ(count.size(), kSlots);
  // Eight standard deviations: random slots stay within.
  for (const auto& [slot, pairs] : count) {
    EXPECT_GT(pairs, 240u) << slot;
    EXPECT_LT(pairs, 560u) << slot;
  }
}

}  // namespace
}  // namespace conntrack
