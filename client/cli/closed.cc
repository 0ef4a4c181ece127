// conntrackctl closed: connections that were closed a short while ago.
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <algorithm>
#include <memory>

#include "client/cli/event_printer.h"
#include "client/cli/filter_flags.h"
#include "client/cli/verbs.h"
#include "conntrack/v1/connection_service.grpc.pb.h"

namespace conntrack::cli {
namespace {

// Big enough to keep the server busy, small enough to show something at once.
constexpr int32_t kPageSize = 2'000;

struct ClosedOptions {
  FilterFlags filter;
  uint64_t limit = 0;
};

absl::Status Closed(Invocation& invocation, const ClosedOptions& options) {
  auto filter = FilterText(options.filter);
  if (!filter.ok()) return filter.status();
  EventPrinter printer(invocation, options.limit);
  uint64_t left = options.limit == 0 ? UINT64_MAX : options.limit;
  v1::ListClosedConnectionsRequest request;
  request.set_filter(*filter);
  do {
    request.set_page_size(static_cast<int32_t>(std::min<uint64_t>(left, kPageSize)));
    v1::ListClosedConnectionsResponse page;
    const absl::Status status = invocation.Call<v1::ConnectionService>(
        &v1::ConnectionService::Stub::ListClosedConnections, request, &page);
    if (!status.ok()) return status;
    left -= std::min<uint64_t>(left, static_cast<uint64_t>(page.events_size()));
    // They are the events that a watcher had.
    v1::WatchResponse message;
    message.mutable_events()->mutable_events()->Swap(page.mutable_events());
    printer.Print(message);
    invocation.output().Flush();
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() && left > 0 && !invocation.output().closed());
  printer.End();
  return absl::OkStatus();
}

}  // namespace

void AddClosedVerb(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<ClosedOptions>();
  CLI::App* verb = invocation.AddVerb(
      app, "closed", "List connections that were closed a short while ago",
      [&invocation, options] { return Closed(invocation, *options); }, ConnectionFormats());
  AddFilterFlags(*verb, &options->filter);
  verb->add_option("--limit", options->limit, "Stop after this many; 0 for no limit")
      ->type_name("N")
      ->capture_default_str();
  invocation.SetManual(
      *verb,
      {{"conntrackctl closed --zone 1", "when and why they ended, and what they carried"},
       {"conntrackctl closed -p tcp --filter 'bytes > 1000000' -o csv",
        "large ones of TCP, for a spreadsheet"}},
      "Those that the server still remembers: its event_bytes_max holds the changes of all kinds.");
}

}  // namespace conntrack::cli
