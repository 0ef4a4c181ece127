// The bytes written directly are those that the generated class writes.
#include "server/convert_connection.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "tests/testing/naive_filter.h"
#include "tests/testing/random.h"

namespace conntrack {
namespace {

constexpr Time kNow = TimeFromUnixNanos(1'700'000'000'000'000'000);

// A number of any length on the wire.
uint64_t AnyLength(testing::Random* random) { return random->Next() >> random->Below(64); }

// RandomConnection, with what filters do not see.
StoredConnection AnyConnection(testing::Random* random) {
  StoredConnection stored = testing::RandomConnection(kNow, random);
  Record& record = stored.record;
  record.status = static_cast<uint16_t>(AnyLength(random));
  record.ports = static_cast<uint32_t>(AnyLength(random));
  record.timeout_ms = static_cast<uint32_t>(AnyLength(random));
  record.deadline = TimeFromUnixNanos(static_cast<int64_t>(AnyLength(random) >> 1));
  if (random->OneIn(16)) record.deadline = kNow;
  if (random->OneIn(4)) stored.labels = {random->Next(), AnyLength(random)};
  stored.extra.created = TimeFromUnixNanos(static_cast<int64_t>(AnyLength(random) >> 1));
  for (Counters& counters : record.counters) counters = {AnyLength(random), AnyLength(random)};
  if (record.protocol == kProtocolTcp) {
    for (TcpPeer& peer : record.tcp.peer) {
      for (uint32_t* number : {&peer.end, &peer.max_end, &peer.max_window, &peer.max_ack}) {
        *number = static_cast<uint32_t>(AnyLength(random));
      }
      peer.scale = static_cast<uint8_t>(random->Below(15));
      peer.flags = static_cast<uint8_t>(random->Next());
    }
  }
  if (record.protocol == kProtocolSctp) {
    for (uint32_t& tag : record.sctp.tag) tag = static_cast<uint32_t>(AnyLength(random));
  }
  return stored;
}

TEST(ConvertConnectionTest, BytesAreThoseOfTheGeneratedClass) {
  SensorRegistry sensors(2);
  const std::string longest(kSensorIdMax, 's');
  ASSERT_TRUE(sensors.Open("edge", {"session", 0, ""}, 1, 0).ok());
  ASSERT_TRUE(sensors.Open(longest, {"session", 0, ""}, 1, 0).ok());
  const WireContext context{&sensors, 256};
  testing::Random random(testing::TestSeed());
  std::array<size_t, 256> by_protocol = {};
  for (int i = 0; i < 100'000; ++i) {
    const StoredConnection stored = AnyConnection(&random);
    v1::Connection expected;
    ToWire(stored.ref(), kNow, context, &expected);
    std::array<char, kConnectionRoom> bytes;
    WireWriter writer(bytes.data());
    WriteConnection(stored.ref(), kNow, context, &writer);
    ASSERT_EQ(std::string(bytes.data(), writer.end()), expected.SerializeAsString())
        << expected.DebugString();
    ++by_protocol[stored.record.protocol];
  }
  for (const uint8_t protocol : {kProtocolTcp, kProtocolUdp, kProtocolIcmp, kProtocolIcmpv6,
                                 kProtocolSctp, kProtocolGre, kProtocolUdplite}) {
    EXPECT_GT(by_protocol[protocol], 1000u) << int{protocol};
  }
}

TEST(ConvertConnectionTest, BytesOfSomeFieldsAreThoseOfTheGeneratedClass) {
  SensorRegistry sensors(1);
  ASSERT_TRUE(sensors.Open("edge", {"session", 0, ""}, 1, 0).ok());
  testing::Random random(testing::TestSeed());
  for (int i = 0; i < 20'000; ++i) {
    google::protobuf::FieldMask mask;
    const google::protobuf::Descriptor* const descriptor = v1::Connection::descriptor();
    do {
      mask.add_paths(
          descriptor->field(static_cast<int>(random.Below(descriptor->field_count())))->name());
    } while (!random.OneIn(4));
    const WireContext context{&sensors, 256, *ConnectionFields::FromMask(mask)};
    const StoredConnection stored = AnyConnection(&random);
    v1::Connection expected;
    ToWire(stored.ref(), kNow, context, &expected);
    std::array<char, kConnectionRoom> bytes;
    WireWriter writer(bytes.data());
    WriteConnection(stored.ref(), kNow, context, &writer);
    ASSERT_EQ(std::string(bytes.data(), writer.end()), expected.SerializeAsString())
        << expected.DebugString();
  }
}

TEST(ConvertConnectionTest, TheLongestConnectionFits) {
  SensorRegistry sensors(1);
  ASSERT_TRUE(sensors.Open(std::string(kSensorIdMax, 's'), {"session", 0, ""}, 1, 0).ok());
  google::protobuf::FieldMask everything;
  everything.add_paths("*");
  const WireContext context{&sensors, 4096, *ConnectionFields::FromMask(everything)};
  StoredConnection stored = {};
  Record& record = stored.record;
  record.ipv6 = 1;
  record.protocol = kProtocolTcp;
  record.ports = record.timeout_ms = UINT32_MAX;
  record.status = UINT16_MAX;
  stored.addresses.first = stored.addresses.second = {UINT64_MAX, UINT64_MAX};
  for (TcpPeer& peer : record.tcp.peer) {
    peer = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, 14, 0xFF};
  }
  record.tcp.state = TcpState::kSynSent2;
  record.deadline = stored.extra.created = TimeFromUnixNanos(-7'111'111'111'111'111'111);
  record.counters = {Counters{UINT64_MAX, UINT64_MAX}, Counters{UINT64_MAX, UINT64_MAX}};
  stored.extra.id = UINT64_MAX;
  stored.extra.mark = stored.extra.zone_id = UINT32_MAX;
  stored.labels = {UINT64_MAX, UINT64_MAX};
  v1::Connection expected;
  ToWire(stored.ref(), kNow, context, &expected);
  std::array<char, kConnectionRoom> bytes;
  WireWriter writer(bytes.data());
  WriteConnection(stored.ref(), kNow, context, &writer);
  EXPECT_EQ(std::string(bytes.data(), writer.end()), expected.SerializeAsString());
  EXPECT_LT(expected.ByteSizeLong() + WireWriter::kSlack, kConnectionRoom);
}

TEST(WireWriterTest, MessagesOfEveryLengthHaveTheShortestHead) {
  // Up to 127 items of 3 bytes.
  for (const size_t length : {0u, 3u, 126u, 129u, 132u, 381u}) {
    std::vector<char> bytes(length + 16);
    WireWriter writer(bytes.data());
    char* const begin = writer.BeginLong(v1::ListConnectionsResponse::kConnectionsFieldNumber);
    // 3 bytes each; the last one counts.
    for (size_t i = 0; i < length / 3; ++i) {
      writer.PresentNumber(v1::Connection::kSlotFieldNumber, i);
    }
    writer.EndLong(begin);
    const size_t body = length / 3 * 3;
    const size_t head = body < 128 ? 2 : 3;
    ASSERT_EQ(static_cast<size_t>(writer.end() - bytes.data()), head + body);
    v1::ListConnectionsResponse parsed;
    ASSERT_TRUE(parsed.ParseFromArray(bytes.data(), static_cast<int>(head + body)));
    ASSERT_EQ(parsed.connections_size(), 1);
    EXPECT_EQ(parsed.connections(0).slot(), body == 0 ? 0 : (body / 3 - 1));
  }
}

// As inet_ntop, which RFC 5952 agrees with.
TEST(AddressTextTest, EveryAddressReadsAsInetNtopWritesIt) {
  testing::Random random(testing::TestSeed());
  for (int i = 0; i < 200'000; ++i) {
    std::array<uint8_t, 16> bytes = {};
    // Many zeros, in runs of every length, and the words that inet_ntop treats apart.
    for (size_t word = 0; word < 8; ++word) {
      const uint64_t kind = random.Below(8);
      const uint16_t value = kind < 5    ? 0
                             : kind == 5 ? 0xFFFF
                                         : static_cast<uint16_t>(AnyLength(&random));
      bytes[2 * word] = static_cast<uint8_t>(value >> 8);
      bytes[2 * word + 1] = static_cast<uint8_t>(value);
    }
    Address address;
    for (size_t byte = 0; byte < 8; ++byte) {
      address.high = address.high << 8 | bytes[byte];
      address.low = address.low << 8 | bytes[byte + 8];
    }
    char text[INET6_ADDRSTRLEN];
    ASSERT_NE(inet_ntop(AF_INET6, bytes.data(), text, sizeof(text)), nullptr);
    ASSERT_EQ(FormatAddress(Family::kIpv6, address), text);
    ASSERT_NE(inet_ntop(AF_INET, bytes.data() + 12, text, sizeof(text)), nullptr);
    ASSERT_EQ(FormatAddress(Family::kIpv4, Ipv4Address(static_cast<uint32_t>(address.low))), text);
  }
}

}  // namespace
}  // namespace conntrack
