#include "client/cli/event_printer.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/time_util.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/connection_columns.h"
#include "client/cli/duration.h"
#include "client/cli/format_conntrack.h"
#include "client/cli/format_json.h"
#include "client/cli/names.h"

namespace conntrack::cli {
namespace {

// Rows of events begin with the time and the event.
std::vector<Table::Column> EventColumns(Format format) {
  if (!IsRows(format)) return {};
  // Times are all equally long; events are as long as the longest, so that the
  // first rows do not narrow the column for those to come.
  std::vector<Table::Column> columns = {{.heading = "TIME", .width_min = 24},
                                        {.heading = "EVENT", .width_min = 7}};
  for (auto& column : ConnectionColumns(format)) columns.push_back(std::move(column));
  return columns;
}

}  // namespace

EventPrinter::EventPrinter(Invocation& invocation, uint64_t count)
    : output_(invocation.output()),
      format_(invocation.format()),
      count_(count),
      connections_(invocation),
      table_(EventColumns(format_), invocation.table_style()) {}

void EventPrinter::Print(const v1::WatchResponse& message) {
  switch (message.message_case()) {
    case v1::WatchResponse::kSnapshot:
      PrintSnapshot(message.snapshot());
      break;
    case v1::WatchResponse::kEvents:
      for (const v1::Event& event : message.events().events()) {
        if (done()) break;
        PrintEvent(event);
        ++printed_;
      }
      break;
    case v1::WatchResponse::kSnapshotEnd:
      if (IsJson(format_)) PrintObject("snapshotEnd", JsonLine(message.snapshot_end()));
      break;
    case v1::WatchResponse::kBookmark:
      if (IsJson(format_)) PrintObject("bookmark", JsonLine(message.bookmark()));
      break;
    case v1::WatchResponse::kLoss:
      if (IsJson(format_)) PrintObject("loss", JsonLine(message.loss()));
      break;
    case v1::WatchResponse::MESSAGE_NOT_SET:
      break;
  }
  if (IsRows(format_) && (message.has_events() || message.has_snapshot())) {
    output_.Write(table_.Flush());
  }
}

void EventPrinter::PrintReset(const absl::Status& why) {
  if (!IsJson(format_)) return;
  google::protobuf::Value text;
  text.set_string_value(std::string(why.message()));
  PrintObject("reset", absl::StrCat("{\"reason\":", JsonLine(text), "}"));
}

void EventPrinter::End() {
  if (format_ == Format::kJson) output_.Write(first_object_ ? "[]\n" : "\n]\n");
}

void EventPrinter::PrintEvent(const v1::Event& event) {
  switch (format_) {
    case Format::kTable:
    case Format::kWide:
    case Format::kCsv:
      AddRow(event.time(), EventTypeText(event.type()), event.connection());
      break;
    case Format::kConntrack:
    case Format::kExtended:
      output_.Write(ConntrackEventLine(event, format_ == Format::kExtended) + "\n");
      break;
    case Format::kJson:
    case Format::kJsonLines:
      PrintObject("event", JsonLine(event));
      break;
  }
}

void EventPrinter::PrintSnapshot(const v1::SnapshotBatch& snapshot) {
  for (const v1::Connection& connection : snapshot.connections()) {
    if (IsJson(format_)) {
      PrintObject("connection", JsonLine(connection));
    } else if (IsRows(format_)) {
      AddRow(connection.last_seen_time(), "OPEN", connection);
    } else {
      connections_.Print(connection);
    }
  }
}

void EventPrinter::AddRow(const google::protobuf::Timestamp& time, const std::string& event,
                          const v1::Connection& connection) {
  // For people, milliseconds; for programs, all of it.
  std::vector<std::string> row = {
      IsTable(format_) ? TimeText(time) : google::protobuf::util::TimeUtil::ToString(time), event};
  for (auto& cell : ConnectionRow(format_, connection)) row.push_back(std::move(cell));
  table_.Add(std::move(row));
}

void EventPrinter::PrintObject(const char* key, const std::string& value) {
  const char* before = "";
  const char* after = "\n";
  if (format_ == Format::kJson) {
    before = first_object_ ? "[\n" : ",\n";
    after = "";
    first_object_ = false;
  }
  output_.Write(absl::StrCat(before, "{\"", key, "\":", value, "}", after));
}

}  // namespace conntrack::cli
