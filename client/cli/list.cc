// conntrackctl list: connections, page by page.
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <memory>

#include "client/cli/connection_pages.h"
#include "client/cli/connection_printer.h"
#include "client/cli/filter_flags.h"
#include "client/cli/follow.h"
#include "client/cli/saved_query.h"
#include "client/cli/verbs.h"

namespace conntrack::cli {
namespace {

struct ListOptions {
  FilterFlags filter;
  uint64_t limit = 0;
  bool follow = false;
  std::string order_by;
  std::string input_file;
};

// Prints at most `left` connections of a saved export.
absl::Status ListFile(Invocation& invocation, const std::string& path, const std::string& filter,
                      uint64_t left) {
  ConnectionPrinter printer(invocation);
  uint64_t printed = 0;
  const absl::Status status = ListSaved(path, filter, [&](const v1::Connection& connection) {
    printer.Print(connection);
    if (++printed % kPageSize == 0) printer.EndPage();
    return printed < left && !invocation.output().closed();
  });
  if (!status.ok()) return status;
  printer.End();
  return absl::OkStatus();
}

absl::Status List(Invocation& invocation, const ListOptions& options) {
  auto filter = FilterText(options.filter);
  if (!filter.ok()) return filter.status();
  if (!options.input_file.empty()) {
    return ListFile(invocation, options.input_file, *filter,
                    options.limit == 0 ? UINT64_MAX : options.limit);
  }
  if (options.follow) {
    FollowOptions follow;
    follow.filter = *filter;
    follow.snapshot = true;
    return Follow(invocation, follow);
  }
  ConnectionPrinter printer(invocation);
  v1::ListConnectionsRequest request;
  request.set_filter(*filter);
  request.set_order_by(options.order_by);
  const absl::Status status = ForEachPage<v1::ListConnectionsRequest, v1::ListConnectionsResponse>(
      invocation, &v1::ConnectionService::Stub::ListConnections, request, options.limit,
      [&](const v1::ListConnectionsResponse& page) {
        for (const v1::Connection& connection : page.connections()) printer.Print(connection);
        printer.EndPage();
        return true;
      });
  if (!status.ok()) return status;
  printer.End();
  return absl::OkStatus();
}

}  // namespace

void AddListVerb(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<ListOptions>();
  CLI::App* verb = invocation.AddVerb(
      app, "list", "List the connections that are open",
      [&invocation, options] { return List(invocation, *options); }, ConnectionFormats());
  AddFilterFlags(*verb, &options->filter);
  auto* limit = verb->add_option("--limit", options->limit, "Stop after this many; 0 for no limit")
                    ->type_name("N")
                    ->capture_default_str();
  auto* input = AddInputFile(*verb, &options->input_file);
  auto* order = verb->add_option("--order-by", options->order_by,
                                 "A field that holds a number, or create_time, last_seen_time or "
                                 "expire_time; \"FIELD desc\" for the largest first")
                    ->type_name("FIELD")
                    ->excludes(input);
  verb->add_flag("--follow", options->follow,
                 "Then print what changes, without a gap, as watch --snapshot does")
      ->excludes(limit)
      ->excludes(order)
      ->excludes(input);
  invocation.SetManual(
      *verb, {{"conntrackctl list -p tcp -s 192.0.2.0/24 --state ESTABLISHED",
               "established connections of a network"},
              {"conntrackctl list --unreplied --filter 'original.packets > 0'",
               "those that nobody answered"},
              {"conntrackctl list --filter 'ip_in(reply.source, \"2001:db8::/32\")' -o jsonl",
               "those to a network, for a program"},
              {"conntrackctl list --order-by 'bytes desc' --limit 10", "the ten largest"},
              {"conntrackctl list --zone 1 -o conntrack", "as conntrack -L prints them"},
              {"conntrackctl list -o csv", "all fields, for a spreadsheet"},
              {"conntrackctl export --output-file all.ctx\n"
               "conntrackctl list --input-file all.ctx --filter 'age > 1s' -o wide",
               "the same questions to a saved export"},
              {.command = "conntrackctl list -p tcp --follow",
               .comment = "those that are open, then what changes of them",
               .until_interrupted = true}});
}

}  // namespace conntrack::cli
