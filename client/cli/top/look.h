// One look at a server: what was asked, what it answered, and when.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "conntrack/v1/admin_service.pb.h"
#include "conntrack/v1/connection_service.pb.h"

namespace conntrack::cli::top {

// What a look asks for besides the totals, which cost the server next to nothing.
struct Question {
  // An AIP-160 filter; empty for all connections.
  std::string filter;
  // Fields of a count in groups; empty for none. Each costs the server a walk through
  // its whole table.
  std::vector<std::string> group_by;
  // Which groups are the top ones.
  v1::GroupOrder order_by = v1::GROUP_ORDER_CONNECTIONS;

  friend bool operator==(const Question&, const Question&) = default;
};

struct Look {
  Question question;
  // On the caller's steady clock, and as people tell the time.
  std::chrono::milliseconds at{0};
  google::protobuf::Timestamp time;

  v1::GetStatsResponse stats;
  v1::ListZonesResponse zones;
  v1::ListSensorsResponse sensors;
  // When groups were asked for.
  std::optional<v1::CountConnectionsResponse> groups;
};

}  // namespace conntrack::cli::top
