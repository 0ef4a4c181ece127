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

std::string JsonNumber(const Rate& rate) {
  return rate.has_value() ? absl::StrFormat("%.3f", *rate) : "null";
}

std::string JsonNumber(uint64_t number) { return absl::StrCat(number); }

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
        .Add("connections", JsonNumber(row.connections))
        .Add("packets", JsonNumber(row.packets))
        .Add("bytes", JsonNumber(row.bytes))
        .Add("packetRate", JsonNumber(row.packet_rate))
        .Add("byteRate", JsonNumber(row.byte_rate))
        .Take();
  });
  return Object()
      .Add("filter", Text(picture.question.filter))
      .Add("groupBy", Array(picture.question.group_by, Text))
      .Add("matched", JsonNumber(picture.matched))
      .Add("groups", rows)
      .Add("otherGroups", JsonNumber(picture.other_groups))
      .Take();
}

std::string ZonesArray(const Picture& picture) {
  return Array(picture.zones, [](const ZoneRow& row) {
    return Object()
        .Add("zone", JsonNumber(uint64_t{row.zone}))
        .Add("connections", JsonNumber(row.connections))
        .Add("connectionsMax", JsonNumber(row.connections_max))
        .Add("evicted", JsonNumber(row.evicted))
        .Add("packetRate", JsonNumber(row.packet_rate))
        .Add("invalidRate", JsonNumber(row.invalid_rate))
        .Take();
  });
}

std::string SensorsArray(const Picture& picture) {
  return Array(picture.sensors, [](const SensorRow& row) {
    return Object()
        .Add("sensorId", Text(row.id))
        .Add("zone", JsonNumber(uint64_t{row.zone}))
        .Add("connected", Truth(row.connected))
        .Add("packetRate", JsonNumber(row.packet_rate))
        .Add("lag", Text(row.lag))
        .Add("lost", JsonNumber(row.lost))
        .Add("lostRate", JsonNumber(row.lost_rate))
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
      .Add("connections", JsonNumber(picture.connections))
      .Add("halfOpen", JsonNumber(picture.half_open))
      .Add("watchers", JsonNumber(uint64_t{picture.watchers}))
      .Add("lostEvents", JsonNumber(picture.lost_events))
      .Add("evicted", JsonNumber(picture.evicted))
      .Add("packetRate", JsonNumber(picture.packet_rate))
      .Add("newRate", JsonNumber(picture.new_rate))
      .Add("closedRate", JsonNumber(picture.closed_rate))
      .Add("invalidRate", JsonNumber(picture.invalid_rate))
      .Add("states", Array(picture.states,
                           [](const StateRow& row) {
                             return Object()
                                 .Add("protocol", Text(row.protocol))
                                 .Add("state", Text(row.state))
                                 .Add("connections", JsonNumber(row.connections))
                                 .Take();
                           }))
      .Add("invalid", Array(picture.reasons,
                            [](const ReasonRow& row) {
                              return Object()
                                  .Add("reason", Text(row.reason))
                                  .Add("packets", JsonNumber(row.packets))
                                  .Add("packetRate", JsonNumber(row.packet_rate))
                                  .Take();
                            }))
      .Add("zones", ZonesArray(picture))
      .Add("sensors", SensorsArray(picture));
  if (!picture.question.group_by.empty()) object.Add("count", Groups(picture));
  return object.Take();
}

}  // namespace conntrack::cli::top
