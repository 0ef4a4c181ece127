#include "client/cli/top/report_json.h"

#include <google/protobuf/struct.pb.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/cli/duration.h"
#include "client/cli/format_json.h"

namespace conntrack::cli::top {
namespace {

std::string Text(const std::string& text) {
  google::protobuf::Value value;
  value.set_string_value(text);
  return JsonLine(value);
}

std::string Number(const Rate& rate) {
  return rate.has_value() ? absl::StrFormat("%.3f", *rate) : "null";
}

std::string Number(uint64_t number) { return absl::StrCat(number); }

std::string Truth(bool truth) { return truth ? "true" : "false"; }

// Members in the order in which they were added.
class Object {
 public:
  Object& Add(const char* name, const std::string& json) {
    absl::StrAppend(&text_, text_.empty() ? "" : ",", "\"", name, "\":", json);
    return *this;
  }
  std::string Take() const { return absl::StrCat("{", text_, "}"); }

 private:
  std::string text_;
};

template <typename Row, typename Write>
std::string Array(const std::vector<Row>& rows, const Write& write) {
  return absl::StrCat(
      "[",
      absl::StrJoin(rows, ",",
                    [&write](std::string* out, const Row& row) { out->append(write(row)); }),
      "]");
}

std::string Groups(const Picture& picture) {
  const std::string rows = Array(picture.groups, [](const GroupRow& row) {
    return Object()
        .Add("values", Array(row.values, Text))
        .Add("connections", Number(row.connections))
        .Add("packets", Number(row.packets))
        .Add("bytes", Number(row.bytes))
        .Add("packetRate", Number(row.packet_rate))
        .Add("byteRate", Number(row.byte_rate))
        .Take();
  });
  return Object()
      .Add("filter", Text(picture.question.filter))
      .Add("groupBy", Array(picture.question.group_by, Text))
      .Add("matched", Number(picture.matched))
      .Add("groups", rows)
      .Add("otherGroups", Number(picture.other_groups))
      .Take();
}

std::string Zones(const Picture& picture) {
  return Array(picture.zones, [](const ZoneRow& row) {
    return Object()
        .Add("zone", Number(uint64_t{row.zone}))
        .Add("connections", Number(row.connections))
        .Add("connectionsMax", Number(row.connections_max))
        .Add("evicted", Number(row.evicted))
        .Add("packetRate", Number(row.packet_rate))
        .Add("invalidRate", Number(row.invalid_rate))
        .Take();
  });
}

std::string Sensors(const Picture& picture) {
  return Array(picture.sensors, [](const SensorRow& row) {
    return Object()
        .Add("sensorId", Text(row.id))
        .Add("zone", Number(uint64_t{row.zone}))
        .Add("connected", Truth(row.connected))
        .Add("packetRate", Number(row.packet_rate))
        .Add("lag", Text(row.lag))
        .Add("lost", Number(row.lost))
        .Add("lostRate", Number(row.lost_rate))
        .Add("ledger", Text(row.ledger))
        .Take();
  });
}

}  // namespace

std::string JsonOf(const Picture& picture) {
  Object object;
  object.Add("time", Text(TimeText(picture.time)))
      .Add("software", Text(picture.software))
      .Add("uptime", Text(picture.uptime))
      .Add("connections", Number(picture.connections))
      .Add("halfOpen", Number(picture.half_open))
      .Add("watchers", Number(uint64_t{picture.watchers}))
      .Add("lostEvents", Number(picture.lost_events))
      .Add("evicted", Number(picture.evicted))
      .Add("packetRate", Number(picture.packet_rate))
      .Add("newRate", Number(picture.new_rate))
      .Add("closedRate", Number(picture.closed_rate))
      .Add("invalidRate", Number(picture.invalid_rate))
      .Add("states", Array(picture.states,
                           [](const StateRow& row) {
                             return Object()
                                 .Add("protocol", Text(row.protocol))
                                 .Add("state", Text(row.state))
                                 .Add("connections", Number(row.connections))
                                 .Take();
                           }))
      .Add("invalid", Array(picture.reasons,
                            [](const ReasonRow& row) {
                              return Object()
                                  .Add("reason", Text(row.reason))
                                  .Add("packets", Number(row.packets))
                                  .Add("packetRate", Number(row.packet_rate))
                                  .Take();
                            }))
      .Add("zones", Zones(picture))
      .Add("sensors", Sensors(picture));
  if (!picture.question.group_by.empty()) object.Add("count", Groups(picture));
  return object.Take();
}

}  // namespace conntrack::cli::top
