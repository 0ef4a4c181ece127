// What two looks at a server say together: totals, and rates between them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/top/look.h"

namespace conntrack::cli::top {

// Per second. Absent where the looks do not tell it: after the first look, after the
// server was restarted, of what the look before did not have.
using Rate = std::optional<double>;

struct StateRow {
  std::string protocol;
  std::string state;
  uint64_t connections = 0;
};

struct ReasonRow {
  std::string reason;
  uint64_t packets = 0;
  Rate packet_rate;
};

struct ZoneRow {
  uint32_t zone = 0;
  uint64_t connections = 0;
  uint64_t connections_max = 0;
  uint64_t evicted = 0;
  Rate packet_rate;
  Rate invalid_rate;
};

struct SensorRow {
  std::string id;
  uint32_t zone = 0;
  bool connected = false;
  // Packets applied.
  Rate packet_rate;
  // Empty for a sensor of a zone on packet time.
  std::string lag;
  // Packets of its session that were rejected, or lost at the sensor.
  uint64_t lost = 0;
  Rate lost_rate;
  std::string ledger;
};

struct GroupRow {
  // Of the question's fields; empty where the connections have no such field.
  std::vector<std::string> values;
  uint64_t connections = 0;
  uint64_t packets = 0;
  uint64_t bytes = 0;
  // Of the connections that are still open: a group out of which one with traffic goes
  // shows less than there was, never less than 0.
  Rate packet_rate;
  Rate byte_rate;
};

struct Picture {
  google::protobuf::Timestamp time;
  std::string software;
  // How long the server runs, in words.
  std::string uptime;
  uint64_t connections = 0;
  // TCP connections whose handshake is under way.
  uint64_t half_open = 0;
  uint32_t watchers = 0;
  uint64_t lost_events = 0;
  uint64_t evicted = 0;
  Rate packet_rate;
  Rate new_rate;
  Rate closed_rate;
  Rate invalid_rate;

  // The largest first.
  std::vector<StateRow> states;
  std::vector<ReasonRow> reasons;
  // As the server orders them: by number, by id.
  std::vector<ZoneRow> zones;
  std::vector<SensorRow> sensors;
  // In the order of the answer.
  Question question;
  std::vector<GroupRow> groups;
  // Connections that match the question, and those in no group of the answer; 0
  // without groups.
  uint64_t matched = 0;
  uint64_t other_groups = 0;
};

// The picture of `now`; rates come from `before`, which may be null.
Picture Compare(const Look* before, const Look& now);

}  // namespace conntrack::cli::top
