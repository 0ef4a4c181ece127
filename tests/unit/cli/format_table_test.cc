#include "client/cli/format_table.h"

#include <gtest/gtest.h>

#include "client/cli/connection_columns.h"

namespace conntrack::cli {
namespace {

TEST(TableTest, ColumnsAreAsWideAsTheirWidestCell) {
  Table table({{"NAME"}, {"COUNT", true}});
  table.Add({"a", "1"});
  table.Add({"longer name", "1234567"});
  EXPECT_EQ(table.Flush(),
            "NAME           COUNT\n"
            "a                  1\n"
            "longer name  1234567\n");
}

TEST(TableTest, HeadingsComeOnceAndLaterPagesStayAligned) {
  Table table({{"A"}, {"B"}});
  table.Add({"wide cell", "x"});
  EXPECT_EQ(table.Flush(), "A          B\nwide cell  x\n");
  table.Add({"n", "y"});
  EXPECT_EQ(table.Flush(), "n          y\n");
}

TEST(TableTest, ATableWithoutRowsHasHeadings) {
  Table table({{"A"}, {"B"}});
  EXPECT_EQ(table.Flush(), "A  B\n");
  EXPECT_EQ(table.Flush(), "");
}

TEST(TableTest, LinesDoNotEndInSpaces) {
  Table table({{"LONG HEADING"}, {"LAST"}});
  table.Add({"x", ""});
  EXPECT_EQ(table.Flush(), "LONG HEADING  LAST\nx\n");
}

TEST(TableTest, CsvQuotesWhatItMust) {
  Table table({{"A NAME"}, {"COUNT", true}}, Table::Style::kCsv);
  table.Add({"plain", "1"});
  table.Add({"a, \"b\"", ""});
  EXPECT_EQ(table.Flush(), "a_name,count\r\nplain,1\r\n\"a, \"\"b\"\"\",\r\n");
}

TEST(TableTest, ColoursDoNotCountAsWidth) {
  Table table({{"STATE"}, {"X"}}, Table::Style::kColoured);
  table.Add({"ESTABLISHED", "1"});
  table.Add({"none", "2"});
  EXPECT_EQ(table.Flush(),
            "STATE        X\n"
            "\x1b[32mESTABLISHED\x1b[0m  1\n"
            "none         2\n");
}

TEST(ConnectionRowTest, EveryFormatHasACellForEachColumn) {
  v1::Connection connection;
  connection.mutable_expire_time()->set_seconds(1'000);
  connection.mutable_timeout()->set_seconds(10);
  connection.mutable_timeout()->set_nanos(500'000'000);
  connection.mutable_create_time()->set_seconds(900);
  connection.mutable_last_seen_time()->set_seconds(980);
  connection.add_labels(1);
  connection.add_labels(5);
  for (const Format format : {Format::kTable, Format::kWide, Format::kCsv}) {
    EXPECT_EQ(ConnectionRow(format, connection).size(), ConnectionColumns(format).size());
  }
  const std::vector<std::string> wide = ConnectionRow(Format::kWide, connection);
  EXPECT_EQ(wide[12], "1m29s");    // AGE
  EXPECT_EQ(wide[13], "9s500ms");  // IDLE
  EXPECT_EQ(wide[15], "1,5");      // LABELS
  const std::vector<std::string> csv = ConnectionRow(Format::kCsv, connection);
  EXPECT_EQ(csv[22], "1 5");
  EXPECT_EQ(csv[27], "1970-01-01T00:15:00Z");
  EXPECT_EQ(csv[30], "10.500");
}

TEST(ConnectionRowTest, ShowsPortsFlagsAndBothDirections) {
  v1::Connection connection;
  connection.set_id(42);
  connection.set_zone(3);
  connection.set_protocol(v1::PROTOCOL_TCP);
  connection.mutable_tcp()->set_state(v1::TCP_STATE_ESTABLISHED);
  connection.mutable_original()->set_source_address("10.0.0.1");
  connection.mutable_original()->set_destination_address("2001:db8::2");
  connection.mutable_original()->mutable_ports()->set_source(1234);
  connection.mutable_original()->mutable_ports()->set_destination(80);
  connection.mutable_original_counters()->set_packets(5);
  connection.mutable_original_counters()->set_bytes(400);
  connection.mutable_reply_counters()->set_packets(4);
  connection.mutable_reply_counters()->set_bytes(900);
  connection.mutable_timeout()->set_seconds(431'999);
  connection.set_seen_reply(true);
  connection.set_assured(true);
  EXPECT_EQ(ConnectionRow(Format::kTable, connection),
            (std::vector<std::string>{"tcp", "ESTABLISHED", "10.0.0.1:1234", "[2001:db8::2]:80",
                                      "5/4", "400/900", "4d23h", "assured", "3", "42"}));
  EXPECT_EQ(ConnectionRow(Format::kTable, connection).size(),
            ConnectionColumns(Format::kTable).size());
}

TEST(ConnectionRowTest, IcmpShowsTypeAndIdAndNoState) {
  v1::Connection connection;
  connection.set_protocol(v1::PROTOCOL_ICMP);
  connection.mutable_original()->set_source_address("10.0.0.1");
  connection.mutable_original()->set_destination_address("10.0.0.2");
  connection.mutable_original()->mutable_icmp()->set_type(8);
  connection.mutable_original()->mutable_icmp()->set_id(77);
  const auto row = ConnectionRow(Format::kTable, connection);
  EXPECT_EQ(row[1], "");
  EXPECT_EQ(row[2], "10.0.0.1");
  EXPECT_EQ(row[3], "10.0.0.2 type=8 id=77");
  EXPECT_EQ(row[7], "unreplied");
}

TEST(ConnectionRowTest, AProtocolWithoutNameIsANumber) {
  v1::Connection connection;
  connection.set_protocol(static_cast<v1::Protocol>(253));
  EXPECT_EQ(ConnectionRow(Format::kTable, connection)[0], "253");
}

}  // namespace
}  // namespace conntrack::cli
