#include "client/sensor/summary.h"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

namespace conntrack::sensor {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

Summary MakeSummary() {
  Summary summary;
  summary.input = "a \"b\"\n.pcap";
  summary.ledger.read_packets = 12;
  summary.ledger.decoded_packets = 10;
  summary.ledger.discarded[static_cast<size_t>(Discard::kNotIp)] = 2;
  summary.sent.sent_packets = 10;
  summary.sent.acknowledged_packets = 10;
  summary.errors = {"truncated \\ file"};
  return summary;
}

TEST(SummaryTest, JsonIsReadByAnyParser) {
  google::protobuf::Struct parsed;
  ASSERT_TRUE(
      google::protobuf::util::JsonStringToMessage(SummaryAsJson(MakeSummary()), &parsed).ok());
  const auto& fields = parsed.fields();
  EXPECT_EQ(fields.at("input").string_value(), "a \"b\"\n.pcap");
  EXPECT_EQ(fields.at("read_packets").number_value(), 12);
  EXPECT_EQ(fields.at("acknowledged_packets").number_value(), 10);
  EXPECT_EQ(fields.at("discarded").struct_value().fields().at("not_ip").number_value(), 2);
  EXPECT_EQ(fields.at("errors").list_value().values(0).string_value(), "truncated \\ file");
}

TEST(SummaryTest, TextHasALineForEachCount) {
  const std::string text = SummaryAsText(MakeSummary());
  EXPECT_THAT(text, ContainsRegex("read +12 packets"));
  EXPECT_THAT(text, ContainsRegex("  not_ip +2\n"));
  EXPECT_THAT(text, ContainsRegex("acknowledged +10\n"));
  EXPECT_THAT(text, HasSubstr("every packet is accounted for\n"));
  EXPECT_THAT(text, Not(HasSubstr("fragment")));
}

TEST(SummaryTest, BooksThatDoNotBalanceAreShouted) {
  Summary summary = MakeSummary();
  summary.ledger_error = "read 12 is not decoded 10";
  EXPECT_THAT(SummaryAsText(summary), HasSubstr("DO NOT ADD UP: read 12 is not decoded 10\n"));
}

}  // namespace
}  // namespace conntrack::sensor
