#include "client/cli/event_printer.h"

#include <google/protobuf/struct.pb.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/duration.h"
#include "client/cli/format_conntrack.h"
#include "client/cli/format_json.h"
#include "client/cli/names.h"

namespace conntrack::cli {
namespace {

// A table of events begins with the time and the event.
std::vector<Table::Column> EventColumns() {
  // Times are all equally long; events are as long as the longest, so that the
  // first rows do not narrow the column for those to come.
  std::vector<Table::Column> columns = {{"TIME                    "}, {"EVENT  "}};
  for (auto& column : ConnectionColumns()) columns.push_back(std::move(column));
  return columns;
}

}  // namespace

EventPrinter::EventPrinter(Invocation& invocation, uint64_t count)
    : output_(invocation.output()),
      format_(invocation.format()),
      count_(count),
      connections_(invocation),
      table_(EventColumns()) {}

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
      if (IsJson()) PrintObject("snapshotEnd", JsonLine(message.snapshot_end()));
      break;
    case v1::WatchResponse::kBookmark:
      if (IsJson()) PrintObject("bookmark", JsonLine(message.bookmark()));
      break;
    case v1::WatchResponse::kLoss:
      if (IsJson()) PrintObject("loss", JsonLine(message.loss()));
      break;
    case v1::WatchResponse::MESSAGE_NOT_SET:
      break;
  }
  if (format_ == Format::kTable && message.has_events()) output_.Write(table_.Flush());
}

void EventPrinter::PrintReset(const absl::Status& why) {
  if (!IsJson()) return;
  google::protobuf::Value text;
  text.set_string_value(std::string(why.message()));
  PrintObject("reset", absl::StrCat("{\"reason\":", JsonLine(text), "}"));
}

void EventPrinter::PrintEvent(const v1::Event& event) {
  switch (format_) {
    case Format::kTable: {
      std::vector<std::string> row = {TimeText(event.time()), EventTypeText(event.type())};
      for (auto& cell : ConnectionRow(event.connection())) row.push_back(std::move(cell));
      table_.Add(std::move(row));
      break;
    }
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
    if (IsJson()) {
      PrintObject("connection", JsonLine(connection));
    } else if (format_ == Format::kTable) {
      std::vector<std::string> row = {TimeText(connection.last_seen_time()), "OPEN"};
      for (auto& cell : ConnectionRow(connection)) row.push_back(std::move(cell));
      table_.Add(std::move(row));
    } else {
      connections_.Print(connection);
    }
  }
  if (format_ == Format::kTable) output_.Write(table_.Flush());
}

void EventPrinter::PrintObject(const char* key, const std::string& value) {
  output_.Write(absl::StrCat("{\"", key, "\":", value, "}\n"));
}

}  // namespace conntrack::cli
