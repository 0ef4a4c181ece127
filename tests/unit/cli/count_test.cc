#include "client/cli/count.h"

#include <gtest/gtest.h>

namespace conntrack::cli {
namespace {

void AddGroup(const std::vector<std::string>& values, uint64_t connections,
              v1::CountConnectionsResponse* response) {
  v1::ConnectionGroup* const group = response->add_groups();
  for (const std::string& value : values) group->add_values(value);
  group->set_connections(connections);
  group->set_packets(10 * connections);
  group->set_bytes(1000 * connections);
}

std::string GroupsTable(const std::vector<std::string>& group_by,
                        const v1::CountConnectionsResponse& response) {
  Table table(CountColumns(group_by));
  AddCounts(group_by, response, &table);
  return table.Flush();
}

TEST(CountTest, GroupsAreRowsUnderTheirFields) {
  v1::CountConnectionsResponse response;
  AddGroup({"192.0.2.0/24", "ESTABLISHED"}, 12, &response);
  AddGroup({"198.51.100.0/24", ""}, 3, &response);
  EXPECT_EQ(GroupsTable({"original.source/24", "state"}, response),
            "ORIGINAL.SOURCE/24  STATE        CONNECTIONS  PACKETS  BYTES\n"
            "192.0.2.0/24        ESTABLISHED           12      120  12000\n"
            "198.51.100.0/24     -                      3       30   3000\n");
}

TEST(CountTest, TheOthersAreOneRowWithTheirNumber) {
  v1::CountConnectionsResponse response;
  AddGroup({"TCP"}, 12, &response);
  response.mutable_other()->set_connections(5);
  response.set_other_groups(2);
  EXPECT_EQ(GroupsTable({"protocol"}, response),
            "PROTOCOL   CONNECTIONS  PACKETS  BYTES\n"
            "TCP                 12      120  12000\n"
            "other (2)            5        0      0\n");
  response.set_groups_exceeded(true);
  EXPECT_NE(GroupsTable({"protocol"}, response).find("other (over 2)"), std::string::npos);
}

}  // namespace
}  // namespace conntrack::cli
