// The expected values are those of the reference implementation, communityid 1.5.0 of
// PyPI.
#include "server/tracker/community_id.h"

#include <gtest/gtest.h>

#include <bit>
#include <string>

#include "server/tracker/address_text.h"

namespace conntrack {
namespace {

// The text of the Community ID of a connection with this first packet.
std::string Text(uint8_t protocol, const char* source, const char* destination, uint32_t ports) {
  const auto [family, from] = *ReadAddress(source);
  const Address to = ReadAddress(destination)->second;
  const DirectedKey key = *MakeKey(0, family, protocol, from, to, ports);
  StoredConnection stored = {};
  stored.record.protocol = protocol;
  stored.record.ipv6 = family == Family::kIpv6 ? 1 : 0;
  stored.record.original_from_first = key.from_first ? 1 : 0;
  stored.record.ports = key.key.ports;
  stored.record.address = {static_cast<uint32_t>(key.key.first.low),
                           static_cast<uint32_t>(key.key.second.low)};
  stored.addresses = {key.key.first, key.key.second};
  return FormatCommunityId(CommunityIdOf(stored.ref()));
}

TEST(CommunityIdTest, IsThatOfTheReference) {
  const uint32_t ports = PortsWord(40'000, 443);
  EXPECT_EQ(Text(kProtocolTcp, "10.0.0.1", "192.0.2.7", ports), "1:YoLkORb0qcQeOrBUXV1d6bXI/B0=");
  EXPECT_EQ(Text(kProtocolTcp, "192.0.2.7", "10.0.0.1", std::rotl(ports, 16)),
            "1:YoLkORb0qcQeOrBUXV1d6bXI/B0=");
  EXPECT_EQ(Text(kProtocolUdp, "2001:db8::1", "2001:db8:0:1::2", PortsWord(53, 40'001)),
            "1:Yw30TFnXSYG3yaG6Uy4KLTeeyYw=");
  // One address at both ends.
  EXPECT_EQ(Text(kProtocolSctp, "10.0.0.1", "10.0.0.1", PortsWord(7'000, 80)),
            "1:AmeXO2Pwqc+DBw9lc1s/q96YgHo=");
  EXPECT_EQ(Text(kProtocolUdplite, "10.0.0.1", "10.0.0.2", PortsWord(5, 6)),
            "1:Sf/NkcMSTCFb91PpYOYbBhP/Ats=");
}

TEST(CommunityIdTest, IcmpHasTheTypesOfQueryAndAnswerForPorts) {
  EXPECT_EQ(Text(kProtocolIcmp, "192.168.0.89", "192.168.0.1", IcmpWord(8, 0, 77)),
            "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
  EXPECT_EQ(Text(kProtocolIcmp, "10.0.0.1", "10.0.0.2", IcmpWord(13, 0, 1)),
            "1:6zK3cgZa+RmEpj3VhWmGXnOWUZk=");
  EXPECT_EQ(Text(kProtocolIcmpv6, "fe80::2", "fe80::1", IcmpWord(128, 0, 2)),
            "1:hcQR4+TVVdHthPBS7U0F6CmEKfY=");
}

TEST(CommunityIdTest, ProtocolsWithoutPortsHaveOnlyAddresses) {
  EXPECT_EQ(Text(kProtocolGre, "10.0.0.9", "10.0.0.2", PortsWord(0, 77)),
            "1:7h1zEv1fGBMn6Cc67R01QoIM0s4=");
  EXPECT_EQ(Text(50, "2001:db8::1", "2001:db8::2", 0), "1:JIAyWiD7dl1e74CJAdetAUPF/To=");
}

TEST(CommunityIdTest, TextsComeBack) {
  const std::string text = "1:JIAyWiD7dl1e74CJAdetAUPF/To=";
  ASSERT_TRUE(ParseCommunityId(text).has_value());
  EXPECT_EQ(FormatCommunityId(*ParseCommunityId(text)), text);
  for (const char* bad :
       {"", "1:", "2:JIAyWiD7dl1e74CJAdetAUPF/To=", "1:JIAyWiD7dl1e74CJAdetAUPF/To",
        "1:JIAyWiD7dl1e74CJAdetAUPF/T!=", "1:JIAyWiD7dl1e74CJAdetAUPF/To=="}) {
    EXPECT_FALSE(ParseCommunityId(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace conntrack
