// conntrackctl closed: connections that were closed a short while ago.
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <memory>

#include "client/cli/connection_pages.h"
#include "client/cli/event_printer.h"
#include "client/cli/filter_flags.h"
#include "client/cli/verbs.h"

namespace conntrack::cli {
namespace {

struct ClosedOptions {
  FilterFlags filter;
  uint64_t limit = 0;
};

absl::Status Closed(Invocation& invocation, const ClosedOptions& options) {
  auto filter = FilterText(options.filter);
  if (!filter.ok()) return filter.status();
  EventPrinter printer(invocation, options.limit);
  v1::ListClosedConnectionsRequest request;
  request.set_filter(*filter);
  const absl::Status status =
      ForEachPage<v1::ListClosedConnectionsRequest, v1::ListClosedConnectionsResponse>(
          invocation, &v1::ConnectionService::Stub::ListClosedConnections, request, options.limit,
          [&](v1::ListClosedConnectionsResponse& page) {
            // They are the events that a watcher had.
            v1::WatchResponse message;
            message.mutable_events()->mutable_events()->Swap(page.mutable_events());
            printer.Print(message);
            invocation.output().Flush();
            return true;
          });
  if (!status.ok()) return status;
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
