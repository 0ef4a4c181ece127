#include "server/breakdown_config.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace conntrack {
namespace {

TEST(BreakdownConfigTest, TextIsReadAndWritten) {
  const auto parsed = ParseBreakdowns(
      " service = protocol, original.destination_port ;network=original.source/24/64; ");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  ASSERT_EQ(parsed->size(), 2u);
  EXPECT_EQ((*parsed)[0].name, "service");
  EXPECT_EQ((*parsed)[1].fields, std::vector<std::string>{"original.source/24/64"});
  const std::string text = FormatBreakdowns(*parsed);
  EXPECT_EQ(text, "service=protocol,original.destination_port;network=original.source/24/64");
  EXPECT_EQ(FormatBreakdowns(*ParseBreakdowns(text)), text);
  EXPECT_TRUE(ParseBreakdowns("")->empty());
  const BreakdownOptions options = MakeBreakdownOptions((*parsed)[0], 10, 256);
  EXPECT_EQ(options.grouping.fields(), 2u);
  EXPECT_EQ(options.groups_max, 10u);
}

TEST(BreakdownConfigTest, WhatIsWrongIsNamed) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"service", "\"service\" is not NAME=FIELD[,FIELD]..."},
      {"Service=zone", "name \"Service\" is not [a-z][a-z0-9_]*, at most 32"},
      {"=zone", "name \"\" is not [a-z][a-z0-9_]*, at most 32"},
      {"a=zone;a=protocol", "name \"a\" stands twice"},
      {"a=", "a: group_by \"\" is not a field of the filter language"},
      {"a=zone,state", "a: group_by \"state\" changes in the life of a connection"},
      {"a=port", "a: group_by \"port\" stands for two values; name the end, as in original.source"},
      {"a=zone;b=zone;c=zone;d=zone;e=zone", "5 breakdowns are more than 4"},
      {"a=zone,slot,protocol,family,sensor", "a: group_by has 5 fields, more than 4"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_EQ(ParseBreakdowns(text).status().message(), message);
  }
}

}  // namespace
}  // namespace conntrack
