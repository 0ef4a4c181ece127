// docs/filter.md is true: its examples select what they say, its refusals are refused in
// those words, and its table has every field.
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/tracker/filter.h"
#include "server/tracker/grouping.h"
#include "server/tracker/ordering.h"
#include "tests/testing/naive_filter.h"
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

std::vector<std::string> ReadPage() {
  std::ifstream file(CONNTRACK_SOURCE_DIR "/docs/filter.md");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// The lines of each block fenced as `kind`.
std::vector<std::vector<std::string>> Blocks(const std::string& kind) {
  std::vector<std::vector<std::string>> blocks;
  bool inside = false;
  for (const std::string& line : ReadPage()) {
    if (line == "```" + kind) {
      inside = true;
      blocks.emplace_back();
    } else if (line == "```") {
      inside = false;
    } else if (inside) {
      blocks.back().push_back(line);
    }
  }
  return blocks;
}

// What an example selects, and a neighbour that it does not.
struct Example {
  std::string text;
  StoredConnection selected;
  StoredConnection other;
};

StoredConnection With(StoredConnection connection, void (*change)(StoredConnection& connection)) {
  change(connection);
  return connection;
}

using C = StoredConnection;

C Tcp() { return TcpConnectionIn(TcpState::kEstablished); }
C Assured() {
  return With(Tcp(), [](C& c) { c.record.status |= status_bit::kAssured; });
}
C WithPort1024() {
  return With(Tcp(), [](C& c) { c.record.ports = PortsWord(40'000, 1'024); });
}

// Of the page's section "Tests", and the filter it begins with.
std::vector<Example> ExamplesOfTests() {
  const C tcp = Tcp();
  const C syn_sent = TcpConnectionIn(TcpState::kSynSent);
  const C udp6 = UdpConnectionBetweenIpv6();
  const C assured = Assured();
  const C other_port = WithPort1024();
  const C labelled = With(tcp, [](C& c) { c.labels.Set(5); });
  return {
      {"protocol = TCP AND state = SYN_SENT AND ip_in(original.source, \"10.0.0.0/8\") AND age > "
       "60s",
       With(syn_sent, [](C& c) { c.extra.created = kNow - std::chrono::seconds(61); }), syn_sent},
      {"zone = 7", tcp, With(tcp, [](C& c) { c.extra.zone_id = 8; })},
      {"state != ESTABLISHED", syn_sent, udp6},
      {"original.destination_port < 1024", tcp, other_port},
      {"original.destination_port <= 1023",
       With(tcp, [](C& c) { c.record.ports = PortsWord(40'000, 1'023); }), other_port},
      {"bytes > 1000000", With(tcp, [](C& c) { c.record.counters[0].bytes = 995'001; }),
       With(tcp, [](C& c) { c.record.counters[0].bytes = 995'000; })},
      {"packets >= 2",
       With(tcp,
            [](C& c) {
              c.record.counters = {Counters{1, 1}, Counters{1, 1}};
            }),
       With(tcp,
            [](C& c) {
              c.record.counters = {Counters{1, 1}, Counters{0, 0}};
            })},
      {"mark = 0x10/0xff", With(tcp, [](C& c) { c.extra.mark = 0x110; }),
       With(tcp, [](C& c) { c.extra.mark = 0x11; })},
      {"mark != 0/0x3", With(tcp, [](C& c) { c.extra.mark = 0x12; }), tcp},
      {"status:ASSURED", assured, tcp},
      {"labels:5", labelled, tcp},
      {"NOT labels:5", tcp, labelled},
      {"ip_in(original.source, \"192.168.0.0/16\")",
       With(tcp, [](C& c) { c.record.address[0] = 0xC0A8'0304; }),
       With(tcp, [](C& c) { c.record.address[1] = 0xC0A8'0304; })},
      {"ip_in(reply.source, 2001:db8::/32)", udp6, tcp},
      {"ip_in(address, \"10.1.2.3\")", With(tcp, [](C& c) { c.record.address[1] = 0x0A01'0203; }),
       With(tcp, [](C& c) { c.record.address[1] = 0x0A01'0204; })},
      {"state:*", tcp, udp6},
      {"original.destination_port:*", tcp, Ping()},
      {"icmp.type:*", Ping(), tcp},
      {"labels:*", tcp, With(tcp, [](C& c) { c.labels = {}; })},
  };
}

// Of the sections after it.
std::vector<Example> ExamplesOfTheRest() {
  const C tcp = Tcp();
  const C syn_sent = TcpConnectionIn(TcpState::kSynSent);
  const C udp6 = UdpConnectionBetweenIpv6();
  const C unanswered = With(udp6, [](C& c) { c.record.status = status_bit::kConfirmed; });
  const C assured = Assured();
  const C http = With(tcp, [](C& c) { c.record.ports = PortsWord(40'000, 80); });
  const C other_port = WithPort1024();
  const C reversed6 = With(udp6, [](C& c) { c.record.original_from_first = 0; });
  return {
      {"protocol = UDP AND seen_reply = false", unanswered, udp6},
      {"protocol = UDP seen_reply = false", unanswered, udp6},
      {"state = SYN_SENT OR state = SYN_RECV", TcpConnectionIn(TcpState::kSynRecv), tcp},
      {"NOT protocol = TCP", udp6, tcp},
      {"-protocol = TCP", udp6, tcp},
      {"NOT (port = 80 OR port = 443)", other_port, tcp},
      {"port = 80 OR port = 443 AND assured = true", assured, http},
      {"(port = 80 OR port = 443) AND assured = true", assured, http},
      {"port = 80 OR (port = 443 AND assured = true)", http, tcp},
      {"mark = 0x10", tcp, With(tcp, [](C& c) { c.extra.mark = 0x110; })},
      {"idle > 0.5s", tcp,
       With(tcp, [](C& c) { c.record.deadline = kNow + std::chrono::milliseconds(29'600); })},
      {"assured = true", assured, tcp},
      {"protocol = icmpv6", With(Ping(), [](C& c) { c.record.protocol = kProtocolIcmpv6; }),
       Ping()},
      {"protocol = 47", GreTunnel(), tcp},
      {"family = 6", udp6, tcp},
      {"family = IPV4", tcp, udp6},
      {"original.source = 2001:db8::1", udp6, reversed6},
      {"original.source = \"2001:db8::1\"", udp6, reversed6},
      {"sensor = 'edge-1'", tcp, With(tcp, [](C& c) { c.record.sensor = 0; })},
      {"community_id = \"1:YoLkORb0qcQeOrBUXV1d6bXI/B0=\"", tcp, http},
      {"sctp.reply_verification_tag = 0x1a2b3c4d",
       With(SctpAssociation(), [](C& c) { c.record.sctp.tag[1] = 0x1A2B'3C4D; }),
       SctpAssociation()},
      {"gre.destination_key:*", GreTunnel(), tcp},
      {"address = 10.0.0.1", tcp, udp6},
      {"port != 443", other_port, tcp},
      {"port > 49151", With(tcp, [](C& c) { c.record.ports = PortsWord(49'152, 443); }), tcp},
      {"NOT state = ESTABLISHED", udp6, tcp},
      {"NOT state:*", udp6, syn_sent},
  };
}

TEST(FilterDocTest, EveryExampleSelectsWhatItSays) {
  std::vector<Example> examples = ExamplesOfTests();
  for (Example& example : ExamplesOfTheRest()) examples.push_back(std::move(example));
  std::set<std::string> tried;
  for (const Example& example : examples) {
    const absl::StatusOr<Filter> filter = Filter::Compile(example.text, Options());
    ASSERT_TRUE(filter.ok()) << example.text << "\n" << filter.status();
    EXPECT_TRUE(filter->Matches(example.selected.ref(), kNow)) << example.text;
    EXPECT_FALSE(filter->Matches(example.other.ref(), kNow)) << example.text;
    tried.insert(example.text);
  }
  std::set<std::string> shown;
  for (const std::vector<std::string>& block : Blocks("filter")) {
    shown.insert(block.begin(), block.end());
  }
  EXPECT_EQ(tried, shown);
}

TEST(FilterDocTest, EveryRefusalIsRefusedInTheWordsOfThePage) {
  const std::vector<std::vector<std::string>> refusals = Blocks("refused");
  EXPECT_GE(refusals.size(), 5u);
  for (const std::vector<std::string>& refusal : refusals) {
    ASSERT_EQ(refusal.size(), 2u);
    EXPECT_EQ(Filter::Compile(refusal[0], Options()).status(),
              absl::InvalidArgumentError(refusal[1]));
  }
}

TEST(FilterDocTest, GroupsAreTakenAndRefusedAsThePageSays) {
  const auto compile = [](const std::string& field) {
    return Grouping::Compile(std::vector<std::string>{field}, 256).status();
  };
  const std::vector<std::vector<std::string>> examples = Blocks("group");
  ASSERT_EQ(examples.size(), 1u);
  for (const std::string& field : examples[0]) EXPECT_TRUE(compile(field).ok()) << field;
  EXPECT_GE(examples[0].size(), 5u);
  const std::vector<std::vector<std::string>> refusals = Blocks("ungrouped");
  EXPECT_EQ(refusals.size(), 3u);
  for (const std::vector<std::string>& refusal : refusals) {
    ASSERT_EQ(refusal.size(), 2u);
    EXPECT_EQ(compile(refusal[0]), absl::InvalidArgumentError(refusal[1]));
  }
}

TEST(FilterDocTest, OrdersAreTakenAndRefusedAsThePageSays) {
  const std::vector<std::vector<std::string>> examples = Blocks("order");
  ASSERT_EQ(examples.size(), 1u);
  for (const std::string& order : examples[0]) {
    EXPECT_TRUE(Ordering::Compile(order, 256).ok()) << order;
  }
  const std::vector<std::vector<std::string>> refusals = Blocks("unordered");
  EXPECT_EQ(refusals.size(), 2u);
  for (const std::vector<std::string>& refusal : refusals) {
    ASSERT_EQ(refusal.size(), 2u);
    EXPECT_EQ(Ordering::Compile(refusal[0], 256).status(), absl::InvalidArgumentError(refusal[1]));
  }
}

TEST(FilterDocTest, TheTableHasEveryField) {
  std::set<std::string> documented;
  for (const std::string& line : ReadPage()) {
    absl::string_view rest = line;
    if (!absl::ConsumePrefix(&rest, "| `")) continue;
    documented.insert(std::string(rest.substr(0, rest.find('`'))));
  }
  const std::vector<std::string>& names = testing::NaiveFieldNames();
  EXPECT_EQ(documented, std::set<std::string>(names.begin(), names.end()));
}

}  // namespace
}  // namespace conntrack
