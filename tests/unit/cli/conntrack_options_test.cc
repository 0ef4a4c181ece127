// What is understood of conntrack(8)'s command lines, what is refused and how, and
// what is asked of the server. The messages are those of conntrack-tools 1.4.7.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "client/cli/conntrack/options.h"
#include "client/cli/conntrack/selection.h"

namespace conntrack::cli {
namespace {

absl::StatusOr<ConntrackOptions> Parse(const std::string& line) {
  return ParseConntrackOptions(absl::StrSplit(line, ' ', absl::SkipEmpty()));
}

std::string FilterOf(const std::string& line) {
  const auto options = Parse(line);
  return options.ok() ? Selection(*options).filter() : options.status().ToString();
}

bool SelectsNothing(const std::string& line) { return Selection(Parse(line).value()).nothing(); }

TEST(ConntrackOptionsTest, EveryCommandHasALetterAndAName) {
  EXPECT_EQ(Parse("-L")->command, Command::kList);
  EXPECT_EQ(Parse("--dump")->command, Command::kList);
  EXPECT_EQ(Parse("-E")->command, Command::kEvents);
  EXPECT_EQ(Parse("--count")->command, Command::kCount);
  EXPECT_EQ(Parse("-p tcp -D")->command, Command::kDelete);
  EXPECT_EQ(Parse("-R file")->command, Command::kLoad);
  EXPECT_EQ(Parse("")->command, Command::kHelp);
}

TEST(ConntrackOptionsTest, TableFollowsItsCommand) {
  EXPECT_EQ(Parse("-L")->table, ConntrackTable::kConntrack);
  EXPECT_EQ(Parse("-L expect")->table, ConntrackTable::kExpect);
  EXPECT_EQ(Parse("-Ldying")->table, ConntrackTable::kDying);
  EXPECT_EQ(Parse("--dump unconfirmed")->table, ConntrackTable::kUnconfirmed);
}

TEST(ConntrackOptionsTest, OptionsBehindAProtocolAreItsOwn) {
  const auto tcp = Parse("-L -p tcp --sport 1 --orig-port-dst 2 --state SYN_SENT");
  ASSERT_TRUE(tcp.ok()) << tcp.status();
  EXPECT_EQ(tcp->original.source_port, 1);
  EXPECT_EQ(tcp->original.destination_port, 2);
  EXPECT_EQ(tcp->state, "SYN_SENT");
  const auto gre = Parse("-L -p gre --srckey 0x10 --reply-key-dst 16");
  ASSERT_TRUE(gre.ok()) << gre.status();
  EXPECT_EQ(gre->original.source_key, 0x10);
  EXPECT_EQ(gre->reply.destination_key, 16);
}

TEST(ConntrackOptionsTest, AnArgumentThatMayBeLeftOutIsTaken) {
  EXPECT_TRUE(Parse("-L -n")->translated);
  EXPECT_TRUE(Parse("-L -n 192.0.2.1 -p tcp")->translated);
  EXPECT_EQ(Parse("-U --label-del")->labels_to_delete->size(), 0u);
}

struct Refusal {
  const char* line;
  const char* message;
};

constexpr Refusal kRefusals[] = {
    {"-X", "unknown option `-X'"},
    {"--bogus", "unknown option `--bogus'"},
    {"-L --sport 80", "unknown option `--sport'"},
    {"-L --sport 80 -p tcp", "unknown option `--sport'"},
    {"-L -p udp --state X", "unknown option `--state'"},
    {"-L -s", "option `-s' requires an argument"},
    {"-L --src", "option `--src' requires an argument"},
    {"-L -E", "Invalid commands combination"},
    {"-L foo", "unknown type `foo'"},
    {"-C dying", "Can't do that command with tables `dying' and `unconfirmed'"},
    {"-s 192.0.2.1", "Illegal option `--src' with this command"},
    {"-L -t 5", "Illegal option `--timeout' with this command"},
    {"-E -u ASSURED", "Illegal option `--status' with this command"},
    {"-C -p tcp", "Illegal option `--protonum' with this command"},
    {"-L -p sctp --orig-vtag 1", "Illegal option `--orig-vtag' with this command"},
    {"-L -p tcp --tuple-port-src 1", "Illegal option `--tuple-port-src' with this command"},
    {"-G", "You need to supply the `--protonum' option for this command"},
    {"-I -p tcp", "You need to supply the `--timeout' option for this command"},
    {"-G -p tcp", "you have to specify `--src' and `--dst'"},
    {"-G -p tcp -s 1.1.1.1", "you have to specify `--src' and `--dst'"},
    {"-G -p tcp -s 1.1.1.1 -d 1.1.1.2", "you have to specify `--sport' and `--dport'"},
    {"-G -p gre -s 1.1.1.1 -d 1.1.1.2", "you have to specify `--srckey' and `--dstkey'"},
    {"-G -p icmp -s 1.1.1.1 -d 1.1.1.2",
     "You need to supply the `--icmp-type' option for this command"},
    {"-I -t 1 -p tcp -s 1.1.1.1 -d 1.1.1.2 --sport 1 --dport 2",
     "You need to supply the `--state' option for this command"},
    {"-I -t 1 -p udp -s 1.1.1.0/24 -d 1.1.1.2 --sport 1 --dport 2",
     "Illegal option `--mask-src' with this command"},
    {"-L -s foo", "Invalid IP address `foo'"},
    {"-L -s 10.0.0.0/33", "Invalid netmask"},
    {"-L -r 10.0.0.0/24", "CIDR notation unavailable for `--reply-src'"},
    {"-L -s 10.0.0.1 -d ::1", "mismatched address family"},
    {"-L -f ipv6 -s 10.0.0.1", "mismatched address family"},
    {"-L -f inet", "`inet' unsupported protocol"},
    {"-L -p foo", "`foo' unsupported protocol"},
    {"-L -p tcp --state established", "unknown TCP state `established'"},
    {"-L -p sctp --state FOO", "unknown SCTP state `FOO'"},
    {"-L -p dccp --role foo", "Unknown DCCP role `foo'"},
    {"-L -u CONFIRMED", "Bad parameter `CONFIRMED'"},
    {"-L -o extended,,id", "Bad parameter `,id'"},
    {"-L -o xmlfoo", "Bad parameter `xmlfoo'"},
    {"-E -e NEWER", "Bad parameter `NEWER'"},
    {"-L -m 5x", "Bad parameter `5x'"},
    {"-L -m 1/", "Bad parameter `1/'"},
    {"-L -w 65536", "Bad parameter `65536'"},
    {"-L -p tcp --sport http", "Bad parameter `http'"},
    {"-L --mask-src 255.0.0.0", "Can't use --mask-src without --src"},
    {"-L -z -p tcp", "Can't use -z with filtering parameters"},
};

TEST(ConntrackOptionsTest, RefusalsAreThoseOfConntrack) {
  for (const auto& [line, message] : kRefusals) {
    const auto options = Parse(line);
    EXPECT_EQ(options.status(), absl::InvalidArgumentError(message)) << line;
  }
}

TEST(ConntrackOptionsTest, WhatCannotGoTogetherIsNoMatterOfUsage) {
  EXPECT_EQ(Parse("-L -o save,id").status(),
            absl::FailedPreconditionError(
                "cannot combine save output with any other output type, use -o save only"));
  EXPECT_EQ(Parse("-L -o save,labels").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Parse("-L -o save").ok());
}

TEST(ConntrackOptionsTest, BeginningsOfNamesWillDo) {
  EXPECT_EQ(Parse("-L -o ext,ID")->output, kExtended | kId);
  EXPECT_EQ(Parse("-L -u seen,ASSURED")->status, kSeenReply | kAssured);
  EXPECT_EQ(Parse("-E -e NEW,UPDATE")->events, kNewEvents | kUpdateEvents);
  EXPECT_EQ(Parse("-L -u UNSET")->status, 0u);
}

TEST(SelectionTest, OptionsBecomeAFilter) {
  EXPECT_EQ(FilterOf("-L"), "");
  EXPECT_EQ(FilterOf("-L -p tcp --dport 80 --state ESTABLISHED"),
            "protocol = 6 AND original.destination_port = 80 AND state = ESTABLISHED");
  EXPECT_EQ(FilterOf("-L -s 10.0.0.0/8 -w 3"),
            "zone = 3 AND family = 4 AND ip_in(original.source, \"10.0.0.0/8\")");
  EXPECT_EQ(FilterOf("-L -d 10.0.0.1 --mask-dst 255.255.0.0"),
            "family = 4 AND ip_in(original.destination, \"10.0.0.1/16\")");
  EXPECT_EQ(FilterOf("-L -q 2001:db8::1"),
            "family = 6 AND ip_in(reply.destination, \"2001:db8::1/128\")");
  EXPECT_EQ(FilterOf("-L -m 0x10/0xf0 -u ASSURED"), "mark = 0x10/0xf0 AND status:ASSURED");
  EXPECT_EQ(FilterOf("-L -p icmp --icmp-type 8 --icmp-code 0 --icmp-id 7"),
            "protocol = 1 AND icmp.type = 8 AND icmp.code = 0 AND icmp.id = 7");
  EXPECT_EQ(FilterOf("-L -p gre --srckey 0x10 --reply-key-src 5"),
            "protocol = 47 AND gre.source_key = 16 AND gre.destination_key = 5");
}

TEST(SelectionTest, WhatAnUpdateSetsItDoesNotAskFor) {
  EXPECT_EQ(FilterOf("-U -p tcp -m 5 -t 9"), "protocol = 6");
}

TEST(SelectionTest, WhatNobodyHasSelectsNothing) {
  EXPECT_TRUE(SelectsNothing("-L -n"));
  EXPECT_TRUE(SelectsNothing("-L -u FIXED_TIMEOUT"));
  EXPECT_TRUE(SelectsNothing("-L --orig-zone 3"));
  EXPECT_TRUE(SelectsNothing("-L -p tcp --state NONE"));
  EXPECT_TRUE(SelectsNothing("-L -m 0x3/0x1"));
  EXPECT_FALSE(SelectsNothing("-L --orig-zone 0"));
}

v1::Connection From(const std::string& source) {
  v1::Connection connection;
  connection.mutable_original()->set_source_address(source);
  return connection;
}

TEST(SelectionTest, AMaskWithHolesIsTestedHere) {
  const auto options = Parse("-L -s 10.0.7.0 --mask-src 255.0.255.0");
  ASSERT_TRUE(options.ok()) << options.status();
  const Selection selection(*options);
  EXPECT_EQ(selection.filter(), "family = 4");
  EXPECT_TRUE(selection.Has(From("10.1.7.1")));
  EXPECT_FALSE(selection.Has(From("10.1.8.1")));
}

v1::Event EventOf(v1::EventType type, uint32_t mark) {
  v1::Event event;
  event.set_type(type);
  event.mutable_connection()->set_mark(mark);
  return event;
}

TEST(SelectionTest, AnEventIsSelectedByWhatItCarries) {
  const Selection marked(*Parse("-E -m 0/0x10"));
  // The kernel does not tell a mark of 0.
  EXPECT_FALSE(marked.Has(EventOf(v1::EVENT_TYPE_NEW, 0)));
  EXPECT_TRUE(marked.Has(EventOf(v1::EVENT_TYPE_NEW, 1)));
  const Selection ends(*Parse("-E -e DESTROY"));
  EXPECT_TRUE(ends.Has(EventOf(v1::EVENT_TYPE_DESTROY, 0)));
  EXPECT_FALSE(ends.Has(EventOf(v1::EVENT_TYPE_NEW, 0)));
  EXPECT_FALSE(ends.Has(EventOf(v1::EVENT_TYPE_LEFT, 0)));
}

}  // namespace
}  // namespace conntrack::cli
