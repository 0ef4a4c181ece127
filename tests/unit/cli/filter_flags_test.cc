#include "client/cli/filter_flags.h"

#include <gtest/gtest.h>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace conntrack::cli {
namespace {

// The filter of a command line, or the complaint.
std::string FilterOf(const std::string& command_line) {
  CLI::App app;
  FilterFlags flags;
  AddFilterFlags(app, &flags);
  try {
    app.parse(command_line);
  } catch (const CLI::ParseError& error) {
    return std::string("usage: ") + error.what();
  }
  const auto text = FilterText(flags);
  return text.ok() ? *text : "error: " + std::string(text.status().message());
}

struct Row {
  const char* name;
  const char* command_line;
  const char* filter;
};

class FilterFlagsTest : public ::testing::TestWithParam<Row> {};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

TEST_P(FilterFlagsTest, BecomesText) {
  EXPECT_EQ(FilterOf(GetParam().command_line), GetParam().filter);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, FilterFlagsTest,
    ::testing::Values(
        Row{"Nothing", "", ""}, Row{"ProtocolByName", "-p tcp", "protocol = TCP"},
        Row{"ProtocolInCapitals", "-p ICMPv6", "protocol = ICMPV6"},
        Row{"ProtocolByNumberOfAName", "-p 17", "protocol = UDP"},
        Row{"ProtocolByNumber", "-p 253", "protocol = 253"},
        Row{"ProtocolTooLarge", "-p 256",
            "error: protocol \"256\" is neither tcp, udp, icmp, icmpv6, udplite, sctp, dccp, gre, "
            "esp, ah nor a number of 0 to 255"},
        Row{"Source", "-s 10.0.0.1", "original.source = \"10.0.0.1\""},
        Row{"SourceNet", "-s 10.0.0.0/8", "ip_in(original.source, \"10.0.0.0/8\")"},
        Row{"SourceIpv6Net", "--source 2001:db8::/32", "ip_in(original.source, \"2001:db8::/32\")"},
        Row{"WholeFamily", "-s ::/0", "ip_in(original.source, \"::/0\")"},
        Row{"Destination", "-d ::1", "original.destination = \"::1\""},
        Row{"NotAnAddress", "-s 10.0.0",
            "error: --source \"10.0.0\" is not an address or "
            "ADDRESS/LENGTH"},
        Row{"QuoteInAddress", "-d '1.2.3.4\" OR \"'",
            "error: --destination \"1.2.3.4\" OR \"\" is not an address or ADDRESS/LENGTH"},
        Row{"PrefixTooLong", "-s 10.0.0.0/33",
            "error: --source \"10.0.0.0/33\": the prefix length is not 0 to 32"},
        Row{"PrefixEmpty", "-s ::/", "error: --source \"::/\": the prefix length is not 0 to 128"},
        Row{"Ports", "--sport 1 --dport 65535",
            "original.source_port = 1 AND original.destination_port = 65535"},
        Row{"StateInSmallLetters", "--state established", "state = ESTABLISHED"},
        Row{"UnknownState", "--state OPEN",
            "error: state \"OPEN\" is none of SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, "
            "CLOSE_WAIT, LAST_ACK, TIME_WAIT, CLOSE, SYN_SENT2, and of SCTP CLOSED, COOKIE_WAIT, "
            "COOKIE_ECHOED, ESTABLISHED, SHUTDOWN_SENT, SHUTDOWN_RECD, SHUTDOWN_ACK_SENT, "
            "HEARTBEAT_SENT"},
        Row{"SctpState", "--state cookie_wait", "state = COOKIE_WAIT"},
        Row{"Zone", "--zone 0", "zone = 0"}, Row{"Assured", "--assured", "assured = true"},
        Row{"Unreplied", "--unreplied", "seen_reply = false"},
        Row{"FilterAloneIsUnchanged", "--filter 'age > 60s OR mark = 1'", "age > 60s OR mark = 1"},
        Row{"FilterWithFlagsStandsInParentheses", "-p tcp --filter 'age > 60s OR mark = 1'",
            "protocol = TCP AND (age > 60s OR mark = 1)"},
        Row{"AllTogether",
            "-p tcp -s 10.0.0.0/8 -d 10.0.0.2 --dport 80 --state ESTABLISHED "
            "--zone 3 --assured",
            "protocol = TCP AND ip_in(original.source, \"10.0.0.0/8\") AND original.destination = "
            "\"10.0.0.2\" AND original.destination_port = 80 AND state = ESTABLISHED AND zone = 3 "
            "AND assured = true"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(FilterFlagsTest, APortAboveTheLargestIsAUsageError) {
  EXPECT_EQ(FilterOf("--dport 65536").substr(0, 6), "usage:");
}

TEST(FilterFlagsTest, AssuredAndUnrepliedExcludeEachOther) {
  EXPECT_EQ(FilterOf("--assured --unreplied").substr(0, 6), "usage:");
}

}  // namespace
}  // namespace conntrack::cli
