#include "server/convert.h"

#include <gtest/gtest.h>

namespace conntrack {
namespace {

TEST(ConvertTest, AddressesReadAndPrintAsText) {
  for (const char* text : {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "2001:db8::1",
                           "fe80::1:2:3:4", "::ffff:192.0.2.1"}) {
    const auto parsed = ParseAddress(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(FormatAddress(parsed->family, parsed->address), text);
  }
  for (const char* text : {"", "1.2.3", "1.2.3.4.5", "2001:db8::g", "192.0.2.1/24"}) {
    EXPECT_FALSE(ParseAddress(text).ok()) << text;
  }
}

TEST(ConvertTest, SettingsSurviveTheWire) {
  ZoneSettings settings;
  settings.connections_max = 77;
  settings.checksum = false;
  settings.tcp.be_liberal = true;
  settings.tcp.max_retransmissions = 9;
  settings.tcp.timeout[static_cast<size_t>(TcpState::kClose)] = std::chrono::milliseconds(1500);
  settings.udp_stream = std::chrono::seconds(7);
  for (size_t state = 1; state < kSctpStates; ++state) {
    settings.sctp.timeout[state] = std::chrono::seconds(100 + state);
  }
  settings.gre = std::chrono::seconds(8);
  settings.gre_stream = std::chrono::seconds(9);
  v1::ZoneSettings wire;
  ToWire(settings, &wire);
  EXPECT_EQ(wire.tcp().close().nanos(), 500'000'000);
  const auto back = FromWire(wire);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, settings);
}

TEST(ConvertTest, SettingsOutOfRangeNameTheField) {
  v1::ZoneSettings wire;
  ToWire(ZoneSettings{}, &wire);
  wire.mutable_tcp()->mutable_last_ack()->set_seconds(-1);
  EXPECT_EQ(FromWire(wire).status().message(), "settings.tcp.last_ack -1s is out of range");
  ToWire(ZoneSettings{}, &wire);
  wire.set_connections_max(0);
  EXPECT_EQ(FromWire(wire).status().message(),
            "settings.connections_max 0 is not between 1 and 1073741824");
}

TEST(ConvertTest, KeysThatNoConnectionHasAreRefused) {
  v1::ConnectionKey key;
  key.set_protocol(v1::PROTOCOL_TCP);
  key.mutable_tuple()->set_source_address("10.0.0.1");
  key.mutable_tuple()->set_destination_address("10.0.0.2");
  EXPECT_EQ(FromWire(key).status().message(), "tuple.ports is missing");
  key.mutable_tuple()->mutable_ports()->set_source(65'536);
  EXPECT_EQ(FromWire(key).status().message(), "tuple.ports.source 65536 is above 65535");
  key.mutable_tuple()->mutable_ports()->set_source(1);
  ASSERT_TRUE(FromWire(key).ok());
  key.set_protocol(v1::PROTOCOL_GRE);
  key.mutable_tuple()->mutable_gre()->set_destination(65'536);
  EXPECT_EQ(FromWire(key).status().message(), "tuple.gre.destination 65536 is above 65535");
  key.mutable_tuple()->mutable_gre()->set_destination(7);
  EXPECT_EQ(FromWire(key)->ports, 7u);
  key.mutable_tuple()->set_destination_address("::1");
  EXPECT_EQ(FromWire(key).status().message(), "tuple has addresses of two families");
}

}  // namespace
}  // namespace conntrack
