// conntrackctl list: connections, page by page.
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <algorithm>
#include <memory>

#include "client/cli/connection_printer.h"
#include "client/cli/filter_flags.h"
#include "client/cli/verbs.h"
#include "conntrack/v1/connection_service.grpc.pb.h"

namespace conntrack::cli {
namespace {

// Big enough to keep the server busy, small enough to show something at once.
constexpr int32_t kPageSize = 2'000;

struct ListOptions {
  FilterFlags filter;
  uint64_t limit = 0;
};

absl::Status List(Invocation& invocation, const ListOptions& options) {
  auto filter = FilterText(options.filter);
  if (!filter.ok()) return filter.status();
  ConnectionPrinter printer(invocation);
  v1::ListConnectionsRequest request;
  request.set_filter(*filter);
  uint64_t left = options.limit == 0 ? UINT64_MAX : options.limit;
  do {
    request.set_page_size(static_cast<int32_t>(std::min<uint64_t>(left, kPageSize)));
    v1::ListConnectionsResponse page;
    const absl::Status status = invocation.Call<v1::ConnectionService>(
        &v1::ConnectionService::Stub::ListConnections, request, &page);
    if (!status.ok()) return status;
    for (const v1::Connection& connection : page.connections()) {
      if (left == 0) break;
      printer.Print(connection);
      --left;
    }
    printer.EndPage();
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() && left > 0 && !invocation.output().closed());
  printer.End();
  return absl::OkStatus();
}

}  // namespace

void AddListVerb(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<ListOptions>();
  CLI::App* verb =
      invocation.AddVerb(app, "list", "List the connections that are open",
                         [&invocation, options] { return List(invocation, *options); });
  AddFilterFlags(*verb, &options->filter);
  verb->add_option("--limit", options->limit, "Stop after this many; 0 for no limit")
      ->type_name("N")
      ->capture_default_str();
  invocation.SetManual(
      *verb, {{"conntrackctl list -p tcp -s 192.0.2.0/24 --state ESTABLISHED",
               "established connections of a network"},
              {"conntrackctl list --unreplied --filter 'original.packets > 0'",
               "those that nobody answered"},
              {"conntrackctl list --filter 'ip_in(reply.source, \"2001:db8::/32\")' -o jsonl",
               "those to a network, for a program"},
              {"conntrackctl list --zone 1 -o conntrack", "as conntrack -L prints them"}});
}

}  // namespace conntrack::cli
