#include "client/cli/connection_columns.h"

#include <google/protobuf/util/time_util.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/duration.h"
#include "client/cli/names.h"

namespace conntrack::cli {
namespace {

using google::protobuf::util::TimeUtil;

std::string EndpointText(const std::string& address, uint32_t port) {
  if (absl::StrContains(address, ':')) return absl::StrCat("[", address, "]:", port);
  return absl::StrCat(address, ":", port);
}

// The clock of the connection's zone when the message was made.
google::protobuf::Timestamp ClockOf(const v1::Connection& connection) {
  return connection.expire_time() - connection.timeout();
}

std::string Since(const google::protobuf::Timestamp& then, const v1::Connection& connection) {
  return DurationText(ClockOf(connection) - then);
}

std::string LabelsText(const v1::Connection& connection, const char* between) {
  return absl::StrJoin(connection.labels(), between);
}

// Seconds with as many decimals as they have: "431999.5".
std::string SecondsText(const google::protobuf::Duration& duration) {
  std::string text = TimeUtil::ToString(duration);
  text.pop_back();
  return text;
}

std::vector<std::string> TableRow(const v1::Connection& connection) {
  const v1::Counters& original = connection.original_counters();
  const v1::Counters& reply = connection.reply_counters();
  return {ProtocolText(connection.protocol()),
          StateText(connection),
          SourceText(connection.original()),
          DestinationText(connection.original()),
          absl::StrCat(original.packets(), "/", reply.packets()),
          absl::StrCat(original.bytes(), "/", reply.bytes()),
          DurationText(connection.timeout()),
          FlagsText(connection),
          absl::StrCat(connection.zone()),
          absl::StrCat(connection.id())};
}

std::vector<std::string> WideRow(const v1::Connection& connection) {
  std::vector<std::string> row = TableRow(connection);
  row.insert(
      row.end(),
      {SourceText(connection.reply()), DestinationText(connection.reply()),
       Since(connection.create_time(), connection), Since(connection.last_seen_time(), connection),
       absl::StrCat(connection.mark()), LabelsText(connection, ","),
       absl::StrCat(connection.status()), connection.sensor_id(), absl::StrCat(connection.slot())});
  return row;
}

void AppendTuple(const v1::Tuple& tuple, std::vector<std::string>* row) {
  row->push_back(tuple.source_address());
  row->push_back(tuple.has_ports() ? absl::StrCat(tuple.ports().source()) : "");
  row->push_back(tuple.destination_address());
  row->push_back(tuple.has_ports() ? absl::StrCat(tuple.ports().destination()) : "");
}

std::vector<std::string> CsvRow(const v1::Connection& connection) {
  const auto yes = [](bool value) { return value ? "true" : "false"; };
  std::vector<std::string> row = {absl::StrCat(connection.id()), absl::StrCat(connection.zone()),
                                  absl::StrCat(connection.slot()),
                                  ProtocolText(connection.protocol()), StateText(connection)};
  const v1::Tuple& original = connection.original();
  AppendTuple(original, &row);
  AppendTuple(connection.reply(), &row);
  for (const uint32_t value :
       {original.icmp().type(), original.icmp().code(), original.icmp().id()}) {
    row.push_back(original.has_icmp() ? absl::StrCat(value) : "");
  }
  for (const uint32_t key : {original.gre().source(), original.gre().destination()}) {
    row.push_back(original.has_gre() ? absl::StrCat(key) : "");
  }
  row.insert(row.end(),
             {yes(connection.seen_reply()), yes(connection.assured()),
              absl::StrCat(connection.status()), absl::StrCat(connection.mark()),
              LabelsText(connection, " "), absl::StrCat(connection.original_counters().packets()),
              absl::StrCat(connection.original_counters().bytes()),
              absl::StrCat(connection.reply_counters().packets()),
              absl::StrCat(connection.reply_counters().bytes()),
              TimeUtil::ToString(connection.create_time()),
              TimeUtil::ToString(connection.last_seen_time()),
              TimeUtil::ToString(connection.expire_time()), SecondsText(connection.timeout()),
              connection.sensor_id()});
  return row;
}

std::vector<Table::Column> CsvColumns() {
  std::vector<Table::Column> columns;
  for (const char* name : {"id",
                           "zone",
                           "slot",
                           "protocol",
                           "state",
                           "original_source",
                           "original_source_port",
                           "original_destination",
                           "original_destination_port",
                           "reply_source",
                           "reply_source_port",
                           "reply_destination",
                           "reply_destination_port",
                           "icmp_type",
                           "icmp_code",
                           "icmp_id",
                           "gre_source_key",
                           "gre_destination_key",
                           "seen_reply",
                           "assured",
                           "status",
                           "mark",
                           "labels",
                           "original_packets",
                           "original_bytes",
                           "reply_packets",
                           "reply_bytes",
                           "create_time",
                           "last_seen_time",
                           "expire_time",
                           "timeout_seconds",
                           "sensor"}) {
    columns.push_back({name});
  }
  return columns;
}

}  // namespace

std::string SourceText(const v1::Tuple& tuple) {
  if (tuple.has_ports()) return EndpointText(tuple.source_address(), tuple.ports().source());
  return tuple.source_address();
}

std::string DestinationText(const v1::Tuple& tuple) {
  if (tuple.has_ports()) {
    return EndpointText(tuple.destination_address(), tuple.ports().destination());
  }
  std::string text = tuple.destination_address();
  if (tuple.has_icmp()) {
    absl::StrAppend(&text, " type=", tuple.icmp().type(), " id=", tuple.icmp().id());
  }
  return text;
}

std::string FlagsText(const v1::Connection& connection) {
  if (connection.assured()) return "assured";
  return connection.seen_reply() ? "" : "unreplied";
}

std::vector<Table::Column> ConnectionColumns(Format format) {
  if (format == Format::kCsv) return CsvColumns();
  std::vector<Table::Column> columns = {
      {"PROTOCOL"},    {"STATE"},         {"SOURCE"}, {"DESTINATION"}, {"PACKETS", true},
      {"BYTES", true}, {"EXPIRES", true}, {"FLAGS"},  {"ZONE", true},  {"ID", true}};
  if (format == Format::kWide) {
    for (const Table::Column& column : std::vector<Table::Column>{{"REPLY SOURCE"},
                                                                  {"REPLY DESTINATION"},
                                                                  {"AGE", true},
                                                                  {"IDLE", true},
                                                                  {"MARK", true},
                                                                  {"LABELS"},
                                                                  {"STATUS", true},
                                                                  {"SENSOR"},
                                                                  {"SLOT", true}}) {
      columns.push_back(column);
    }
  }
  return columns;
}

std::vector<std::string> ConnectionRow(Format format, const v1::Connection& connection) {
  if (format == Format::kCsv) return CsvRow(connection);
  return format == Format::kWide ? WideRow(connection) : TableRow(connection);
}

}  // namespace conntrack::cli
