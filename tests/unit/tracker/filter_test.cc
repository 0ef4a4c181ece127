#include "server/tracker/filter.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/unit/tracker/filter_samples.h"

namespace conntrack {
namespace {

using testing::GreTunnel;
using testing::kNow;
using testing::Options;
using testing::Ping;
using testing::SctpAssociation;
using testing::TcpConnectionIn;
using testing::UdpConnectionBetweenIpv6;

bool Matches(absl::string_view text, const StoredConnection& connection) {
  const absl::StatusOr<Filter> filter = Filter::Compile(text, Options());
  EXPECT_TRUE(filter.ok()) << filter.status();
  return filter.ok() && filter->Matches(connection.ref(), kNow);
}

std::string ErrorOf(absl::string_view text, const FilterOptions& options = Options()) {
  const absl::Status status = Filter::Compile(text, options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(status.message());
}

TEST(FilterTest, EmptyTextMatchesEverything) {
  EXPECT_TRUE(Filter::Compile("", Options())->matches_all());
  EXPECT_TRUE(Filter::Compile(" \t\n ", Options())->matches_all());
  EXPECT_TRUE(Filter().matches_all());
  EXPECT_TRUE(Matches("", Ping()));
  EXPECT_FALSE(Filter::Compile("zone = 1", Options())->matches_all());
}

TEST(FilterTest, EachFieldIsReadFromItsPlace) {
  for (const bool from_first : {true, false}) {
    const StoredConnection tcp = TcpConnectionIn(TcpState::kEstablished, from_first);
    for (const char* text : {"zone = 7",
                             "id = 256009",
                             "slot = 9",
                             "protocol = TCP",
                             "family = 4",
                             "state = ESTABLISHED",
                             "seen_reply = true",
                             "assured = false",
                             "mark = 16",
                             "sensor = edge-1",
                             "original.source = 10.0.0.1",
                             "original.destination = 192.0.2.7",
                             "reply.source = 192.0.2.7",
                             "reply.destination = 10.0.0.1",
                             "address = 10.0.0.1",
                             "address = 192.0.2.7",
                             "original.source_port = 40000",
                             "original.destination_port = 443",
                             "reply.source_port = 443",
                             "reply.destination_port = 40000",
                             "port = 443",
                             "port = 40000",
                             "packets = 5",
                             "bytes = 5300",
                             "original.packets = 3",
                             "original.bytes = 300",
                             "reply.packets = 2",
                             "reply.bytes = 5000",
                             "age = 60s",
                             "idle = 10s",
                             "expires = 20s"}) {
      EXPECT_TRUE(Matches(text, tcp)) << text;
      std::string opposite = text;
      opposite.replace(opposite.find('='), 1, "!=");
      EXPECT_FALSE(Matches(opposite, tcp)) << opposite;
    }
  }
  EXPECT_TRUE(Matches("icmp.type = 8 AND icmp.code = 0 AND icmp.id = 77", Ping()));
  EXPECT_TRUE(Matches("original.destination = 2001:db8:0:1::2", UdpConnectionBetweenIpv6()));
  EXPECT_TRUE(Matches("gre.source_key = 0 AND gre.destination_key = 77", GreTunnel()));
  EXPECT_TRUE(Matches("sctp.original_verification_tag = 0x1a2b3c4d", SctpAssociation()));
  EXPECT_TRUE(Matches("sctp.reply_verification_tag = 5", SctpAssociation()));
}

TEST(FilterTest, ACommunityIdIsThatOfTheFlow) {
  const char* const id = "community_id = \"1:YoLkORb0qcQeOrBUXV1d6bXI/B0=\"";
  for (const bool from_first : {true, false}) {
    EXPECT_TRUE(Matches(id, TcpConnectionIn(TcpState::kEstablished, from_first)));
  }
  EXPECT_FALSE(Matches(id, SctpAssociation()));
  EXPECT_TRUE(Matches("community_id != '1:YoLkORb0qcQeOrBUXV1d6bXI/B0='", SctpAssociation()));
  std::string five = id;
  for (int i = 0; i < 4; ++i) five += std::string(" OR ") + id;
  EXPECT_EQ(ErrorOf(five), "filter has 5 tests of community_id, more than 4");
}

TEST(FilterTest, BitsAreAskedForOneByOne) {
  StoredConnection tcp = TcpConnectionIn(TcpState::kEstablished);
  for (const char* text : {"labels:3", "labels:127", "labels:0x7f", "labels:*", "status:SEEN_REPLY",
                           "status:confirmed", "NOT status:ASSURED", "NOT labels:0",
                           "NOT labels:63", "labels:3 AND labels:127"}) {
    EXPECT_TRUE(Matches(text, tcp)) << text;
  }
  for (const char* text : {"labels:2", "labels:64", "labels:67", "status:ASSURED", "status:DYING",
                           "status:EXPECTED", "NOT labels:*"}) {
    EXPECT_FALSE(Matches(text, tcp)) << text;
  }
  tcp.labels = {};
  EXPECT_FALSE(Matches("labels:*", tcp));
  EXPECT_FALSE(Matches("labels:3", tcp));
}

TEST(FilterTest, AMarkIsComparedUnderItsMask) {
  StoredConnection tcp = TcpConnectionIn(TcpState::kEstablished);
  tcp.extra.mark = 0xA5;
  for (const char* text : {"mark = 5/0xf", "mark = 0xa0/0xf0", "mark != 0x4/0xf", "mark = 0/0",
                           "mark=\"0xa5/0xffffffff\"", "NOT mark = 0/1"}) {
    EXPECT_TRUE(Matches(text, tcp)) << text;
  }
  for (const char* text : {"mark = 4/0xf", "mark != 5/0xf", "mark = 0x25/0xffff"}) {
    EXPECT_FALSE(Matches(text, tcp)) << text;
  }
}

TEST(FilterTest, OrderedFieldsKnowAllSixOperators) {
  const StoredConnection tcp = TcpConnectionIn(TcpState::kEstablished);
  for (const char* text : {"packets < 6", "packets <= 5", "packets > 4", "packets >= 5",
                           "packets = 5", "packets != 4", "age > 59.999999999s", "age<60.1s"}) {
    EXPECT_TRUE(Matches(text, tcp)) << text;
  }
  for (const char* text : {"packets < 5", "packets <= 4", "packets > 5", "packets >= 6",
                           "packets < 0", "packets > 18446744073709551615", "age > 60s"}) {
    EXPECT_FALSE(Matches(text, tcp)) << text;
  }
}

TEST(FilterTest, AnExpiredConnectionHasLessThanNothingLeft) {
  StoredConnection tcp = TcpConnectionIn(TcpState::kEstablished);
  tcp.record.deadline = kNow - std::chrono::seconds(1);
  EXPECT_TRUE(Matches("expires < 0s", tcp));
  EXPECT_FALSE(Matches("expires >= 0s", tcp));
}

TEST(FilterTest, OrBindsTighterThanAnd) {
  const StoredConnection tcp = TcpConnectionIn(TcpState::kEstablished);
  // Read the other way round this would be true.
  EXPECT_FALSE(Matches("zone = 7 OR zone = 8 AND packets = 0", tcp));
  EXPECT_TRUE(Matches("zone = 7 OR (zone = 8 AND packets = 0)", tcp));
  EXPECT_FALSE(Matches("packets = 0 AND zone = 8 OR zone = 7", tcp));
  EXPECT_FALSE(Matches("packets = 0 zone = 8 OR zone = 7", tcp));
}

TEST(FilterTest, NotTakesOneTerm) {
  const StoredConnection tcp = TcpConnectionIn(TcpState::kEstablished);
  EXPECT_TRUE(Matches("NOT zone = 8 AND zone = 7", tcp));
  EXPECT_TRUE(Matches("NOT zone = 7 OR zone = 7", tcp));
  EXPECT_FALSE(Matches("NOT (zone = 8 OR zone = 7)", tcp));
  EXPECT_TRUE(Matches("-zone = 8", tcp));
  EXPECT_TRUE(Matches("-(zone = 7 AND packets = 0)", tcp));
  EXPECT_TRUE(Matches("zone = 7 -packets = 0", tcp));
  EXPECT_TRUE(Matches("NOT(NOT(zone = 7))", tcp));
}

TEST(FilterTest, TestsOnAbsentFieldsAreFalse) {
  for (const StoredConnection& other : {UdpConnectionBetweenIpv6(), Ping()}) {
    EXPECT_FALSE(Matches("state = ESTABLISHED", other));
    EXPECT_FALSE(Matches("state != ESTABLISHED", other));
    EXPECT_TRUE(Matches("NOT state = ESTABLISHED", other));
    EXPECT_TRUE(Matches("NOT state != ESTABLISHED", other));
    EXPECT_FALSE(Matches("state:*", other));
  }
  EXPECT_FALSE(Matches("port != 443", Ping()));
  EXPECT_FALSE(Matches("port >= 0", Ping()));
  EXPECT_FALSE(Matches("icmp.id >= 0", UdpConnectionBetweenIpv6()));
  EXPECT_TRUE(Matches("NOT icmp.id:*", UdpConnectionBetweenIpv6()));
  EXPECT_TRUE(Matches("port:*", UdpConnectionBetweenIpv6()));
  EXPECT_FALSE(Matches("gre.source_key:* OR sctp.reply_verification_tag >= 0", Ping()));
}

TEST(FilterTest, IcmpIsThatOfTheFamily) {
  StoredConnection odd = Ping();
  odd.record.protocol = kProtocolIcmpv6;
  EXPECT_FALSE(Matches("icmp.type:*", odd));
}

TEST(FilterTest, EitherEndMayPassButNotEqualMeansNeither) {
  const StoredConnection tcp = TcpConnectionIn(TcpState::kEstablished);
  EXPECT_FALSE(Matches("port != 443", tcp));
  EXPECT_TRUE(Matches("port != 80", tcp));
  EXPECT_TRUE(Matches("port < 1024 AND port > 1024", tcp));
  EXPECT_FALSE(Matches("address != 10.0.0.1", tcp));
  EXPECT_TRUE(Matches("ip_in(address, 192.0.2.0/24)", tcp));
}

TEST(FilterTest, NetworksCutAtTheirPrefix) {
  const StoredConnection tcp = TcpConnectionIn(TcpState::kEstablished);
  const StoredConnection udp = UdpConnectionBetweenIpv6();
  for (const char* network :
       {"10.0.0.0/8", "10.0.0.1/32", "10.0.0.1", "0.0.0.0/0", "10.9.9.9/8", "10.0.0.0/31"}) {
    const std::string text = std::string("ip_in(original.source, \"") + network + "\")";
    EXPECT_TRUE(Matches(text, tcp)) << text;
    EXPECT_FALSE(Matches(text, udp)) << text;
  }
  EXPECT_FALSE(Matches("ip_in(original.source, 10.0.0.2/31)", tcp));
  EXPECT_TRUE(Matches("ip_in( original.destination , 2001:db8:0:1::/64 )", udp));
  EXPECT_TRUE(Matches("ip_in(original.destination, 2001:db8:0:1::2/127)", udp));
  EXPECT_FALSE(Matches("ip_in(original.destination, 2001:db8:0:1::/127)", udp));
  EXPECT_FALSE(Matches("ip_in(original.destination, 2001:db8::/64)", udp));
  EXPECT_TRUE(Matches("ip_in(original.destination, ::/0)", udp));
  EXPECT_FALSE(Matches("ip_in(original.source, ::/0)", tcp));
}

// ::10.0.0.1 has the same number as 10.0.0.1.
TEST(FilterTest, AddressesOfTheOtherFamilyDiffer) {
  const StoredConnection tcp = TcpConnectionIn(TcpState::kEstablished);
  EXPECT_FALSE(Matches("original.source = ::10.0.0.1", tcp));
  EXPECT_TRUE(Matches("original.source != ::10.0.0.1", tcp));
}

TEST(FilterTest, NamesMayBeWrittenEitherWay) {
  const StoredConnection tcp = TcpConnectionIn(TcpState::kSynSent2);
  EXPECT_TRUE(Matches("protocol = tcp AND state = syn_sent2 AND family = ipv4", tcp));
  EXPECT_TRUE(Matches("protocol = 6 AND mark = 0x10 AND mark = 0X10", tcp));
  EXPECT_TRUE(Matches("zone=\"7\" sensor='edge-1' id=256009", tcp));
  EXPECT_TRUE(Matches("sensor = \"edge\\-1\"", tcp));
}

TEST(FilterTest, WhatIsNotAFilterIsRefusedWithItsPlace) {
  struct Row {
    const char* text;
    const char* error;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"zone", "column 1: \"zone\" stands alone"},
           {"zone = 1 ESTABLISHED", "column 10: \"ESTABLISHED\" stands alone"},
           {"\"a b\"", "column 1: \"a b\" stands alone"},
           {"zone = 1 and zone = 2", "column 10: write AND for \"and\""},
           {"not zone = 1", "column 1: write NOT for \"not\""},
           {"AND zone = 1", "column 1: expected a test, not \"AND\""},
           {"zone = 1 AND", "column 13: ends where a test should stand"},
           {"zone = 1 OR ", "column 13: ends where a test should stand"},
           {"zone = 1 OR OR zone = 1", "column 13: expected a test, not \"OR\""},
           {"NOT NOT zone = 1", "column 5: expected a test, not \"NOT\""},
           {"zone =", "column 7: ends where a value should stand"},
           {"zone = = 1", "column 8: expected a value, not \"=\""},
           {"zone == 1", "column 7: expected a value, not \"=\""},
           {"zone = 1 = 2", "column 10: expected a test, not \"=\""},
           {"zone = (1 OR 2)", "column 8: expected a value, not \"(\""},
           {"(zone = 1", "column 1: \"(\" is never closed"},
           {"zone = 1)", "column 9: \")\" closes nothing"},
           {"()", "column 2: expected a test, not \")\""},
           {"(zone = 1)(zone = 2)", "column 11: expected a space, not \"(\""},
           {"zone = 1\"x\"", "column 9: expected a space, not \"\\\"\""},
           {"sensor = \"edge", "column 10: the string that begins here has no end"},
           {"in(zone, 1)", "column 1: unknown function \"in\"; the only one is ip_in"},
           {"ip_in(zone, 1)", "column 7: ip_in takes an address, not \"zone\""},
           {"ip_in(address)", "column 14: expected \",\", not \")\""},
           {"ip_in(address, 10.0.0.0/8", "column 26: ends where \")\" should stand"},
           {"ip_in(address, 10.0.0.0/8) = true", "column 28: expected a test, not \"=\""},
           {"ip_in(, 10.0.0.0/8)", "column 7: expected a field, not \",\""},
           {"& zone = 1", "column 1: expected a test, not \"&\""},
           {"zone \x01\x80", "column 1: \"zone\" stands alone"},
           {"zone = \x01\x80", "column 8: zone \"\\x01\\x80\" is not a whole number"}}) {
    const std::string error = ErrorOf(row.text);
    EXPECT_EQ(error.rfind(std::string("filter ") + row.error, 0), 0u) << row.text << "\n"
                                                                      << error << "\n"
                                                                      << row.error;
  }
}

TEST(FilterTest, WhatNoFieldTakesIsRefusedWithItsPlace) {
  struct Row {
    const char* text;
    const char* error;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"zone = 1 AND origin.source = 1", "column 14: unknown field \"origin.source\""},
           {"Zone = 1", "column 1: unknown field \"Zone\""},
           {"zone = -1", "column 8: zone \"-1\" is below 0"},
           {"zone = 4294967296", "column 8: zone \"4294967296\" is above 4294967295"},
           {"id = 18446744073709551616", "column 6: id \"18446744073709551616\" is above"},
           {"slot = 256", "column 8: slot \"256\" is above 255"},
           {"zone = 1.5", "column 8: zone \"1.5\" is not a whole number"},
           {"zone = 0x", "column 8: zone \"0x\" is not a whole number"},
           {"zone = +1", "column 8: zone \"+1\" is not a whole number"},
           {"zone = \"\"", "column 8: zone \"\" is not a whole number"},
           {"zone = \" 1\"", "column 8: zone \" 1\" is not a whole number"},
           {"icmp.type = 256", "column 13: icmp.type \"256\" is above 255"},
           {"protocol = 256", "column 12: protocol \"256\" is above 255"},
           {"protocol = TPC", "column 12: protocol \"TPC\" is not one of TCP UDP"},
           {"protocol < TCP", "column 10: \"<\" cannot compare protocol; use = or !="},
           {"state = OPEN", "column 9: state \"OPEN\" is not one of SYN_SENT SYN_RECV"},
           {"state >= CLOSE", "column 7: \">=\" cannot compare state; use = or !="},
           {"assured = 1", "column 11: assured \"1\" is not one of false true"},
           {"address > 10.0.0.1", "column 9: \">\" cannot compare address; use = or !="},
           {"address = 10.0.0", "column 11: address \"10.0.0\" is not an address"},
           {"address = 10.0.0.01", "column 11: address \"10.0.0.01\" is not an address"},
           {"address = fe80::1%eth0", "column 11: address \"fe80::1%eth0\" is not an address"},
           {"address = 10.0.0.0/8", "column 11: address \"10.0.0.0/8\" is a network; write ip_in("},
           {"ip_in(address, 10.0.0.0/33)", "column 16: address \"10.0.0.0/33\" has a prefix"},
           {"ip_in(address, ::/129)", "column 16: address \"::/129\" has a prefix length"},
           {"ip_in(address, 10.0.0.0/)", "column 16: address \"10.0.0.0/\" has a prefix length"},
           {"age > 60", "column 7: age \"60\" is not a number of seconds"},
           {"age > 1m", "column 7: age \"1m\" is not a number of seconds"},
           {"age > .5s", "column 7: age \".5s\" is not a number of seconds"},
           {"age > 1.0000000001s", "column 7: age \"1.0000000001s\" is not a number of seconds"},
           {"age > -1s", "column 7: age \"-1s\" is not a number of seconds"},
           {"age > 9999999999s", "column 7: age \"9999999999s\" is above 9223372035s"},
           {"sensor = edge-2", "column 10: sensor \"edge-2\" is not a known sensor"},
           {"sensor = edge-*", "column 10: sensor \"edge-*\" has a wildcard"},
           {"state:ESTABLISHED", "column 6: \":\" takes only *, which asks for presence; use ="},
           {"status:*", "column 1: every connection has \"status\""},
           {"status:OPEN", "column 8: status \"OPEN\" is not one of EXPECTED SEEN_REPLY"},
           {"status = ASSURED", "column 8: \"=\" cannot compare status, which holds several"},
           {"labels != 5", "column 8: \"!=\" cannot compare labels, which holds several values; "},
           {"ip_in(labels, 5)", "column 7: ip_in takes an address, not \"labels\""},
           {"labels:128", "column 8: labels \"128\" is above 127"},
           {"labels:blue", "column 8: labels \"blue\" is not a whole number"},
           {"mark > 1/3", "column 8: mark \"1/3\" has a mask, which goes with = and != only"},
           {"mark = 4/3", "column 8: mark \"4/3\" has bits outside its mask"},
           {"mark = 1/x", "column 10: mask \"x\" is not a whole number"},
           {"mark = /3", "column 8: mark \"\" is not a whole number"},
           {"mark = 1/4294967296", "column 10: mask \"4294967296\" is above 4294967295"},
           {"zone:*", "column 1: every connection has \"zone\""}}) {
    const std::string error = ErrorOf(row.text);
    EXPECT_EQ(error.rfind(std::string("filter ") + row.error, 0), 0u) << row.text << "\n"
                                                                      << error << "\n"
                                                                      << row.error;
  }
}

TEST(FilterTest, ALongWordIsCutInTheMessage) {
  const std::string error = ErrorOf(std::string(1'000, 'x') + " = 1");
  EXPECT_EQ(error, "filter column 1: unknown field \"" + std::string(48, 'x') + "...\"");
}

TEST(FilterTest, TimeFieldsAreRefusedWhereTheyMakeNoSense) {
  FilterOptions options = Options();
  options.allow_time_fields = false;
  EXPECT_EQ(ErrorOf("zone = 1 AND idle > 1s", options),
            "filter column 14: \"idle\" changes without an event and cannot be used here");
  EXPECT_TRUE(Filter::Compile("zone = 1", options).ok());
}

TEST(FilterTest, SensorsAreRefusedWhereNoneAreKnown) {
  FilterOptions options;
  EXPECT_EQ(ErrorOf("sensor = edge-1", options), "filter column 1: \"sensor\" cannot be used here");
}

TEST(FilterTest, LimitsHoldExactly) {
  const std::string longest = "zone = 1" + std::string(kFilterBytesMax - 8, ' ');
  EXPECT_TRUE(Filter::Compile(longest, Options()).ok());
  EXPECT_EQ(ErrorOf(longest + " "), "filter of 4097 bytes is longer than 4096");

  const auto nested = [](size_t depth) {
    return std::string(depth, '(') + "zone = 7" + std::string(depth, ')');
  };
  EXPECT_TRUE(Matches(nested(kFilterDepthMax), TcpConnectionIn(TcpState::kClose)));
  EXPECT_EQ(ErrorOf(nested(kFilterDepthMax + 1)),
            "filter column 65: parentheses are nested deeper than 64");

  std::string wide = "zone=1";
  for (size_t i = 1; i < kFilterTestsMax; ++i) wide += " OR zone=1";
  EXPECT_TRUE(Filter::Compile(wide, Options()).ok());
  EXPECT_EQ(ErrorOf(wide + " zone=1"), "filter column 2558: more than 256 tests");
}

TEST(FilterTest, CopiesShareTheProgram) {
  Filter copy;
  {
    const absl::StatusOr<Filter> filter = Filter::Compile("zone = 7", Options());
    copy = *filter;
  }
  EXPECT_TRUE(copy.Matches(TcpConnectionIn(TcpState::kClose).ref(), kNow));
}

}  // namespace
}  // namespace conntrack
