// conntrackctl watch: what changes, until interrupted.
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <memory>
#include <string>
#include <vector>

#include "client/cli/filter_flags.h"
#include "client/cli/follow.h"
#include "client/cli/names.h"
#include "client/cli/verbs.h"

namespace conntrack::cli {
namespace {

struct WatchVerbOptions {
  FilterFlags filter;
  std::vector<std::string> events;
  FollowOptions follow;
};

absl::Status Watch(Invocation& invocation, const WatchVerbOptions& options) {
  const auto filter = FilterText(options.filter);
  if (!filter.ok()) return filter.status();
  FollowOptions follow = options.follow;
  follow.filter = *filter;
  for (const std::string& event : options.events) {
    const auto type = ParseEventType(event);
    if (!type.ok()) return type.status();
    follow.event_types.push_back(*type);
  }
  return Follow(invocation, follow);
}

}  // namespace

void AddWatchVerb(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<WatchVerbOptions>();
  CLI::App* verb = invocation.AddVerb(
      app, "watch", "Print changes as they happen, until interrupted",
      [&invocation, options] { return Watch(invocation, *options); }, ConnectionFormats());
  AddFilterFlags(*verb, &options->filter);
  FollowOptions& follow = options->follow;
  auto* snapshot =
      verb->add_flag("--snapshot", follow.snapshot, "Begin with the connections that are open");
  verb->add_option("-e,--event", options->events,
                   "Only these: new, update, destroy, or left, of what matches no more")
      ->type_name("EVENT")
      ->delimiter(',');
  verb->add_option("--count", follow.count, "Stop after this many changes; 0 for no limit")
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--since-token", follow.since_token,
                   "Begin after this place, which an earlier watch named")
      ->type_name("TOKEN")
      ->excludes(snapshot);
  verb->add_flag("--print-token", follow.print_token,
                 "At the end, say on standard error where another watch can go on");
  invocation.SetManual(
      *verb,
      {{.command = "conntrackctl watch --snapshot -o jsonl",
        .comment = "what is open, then what changes, for a program",
        .until_interrupted = true},
       {.command = "conntrackctl watch --snapshot -p tcp --dport 80 -o conntrack",
        .comment = "connections to one port, as conntrack -E prints changes",
        .until_interrupted = true},
       {.command = "conntrackctl watch -e new,destroy -p tcp",
        .comment = "connections that begin and end, without what happens between",
        .until_interrupted = true},
       {.command = "conntrackctl watch --print-token",
        .comment = "for a watch that is to go on where this one ended",
        .until_interrupted = true}},
      "A watch goes on by itself when the server was away. What was lost, and every\n"
      "outage, is told on standard error. With json and jsonl each object has one\n"
      "key: event, connection (of the snapshot), snapshotEnd, bookmark, loss, or\n"
      "reset, which says that changes were lost and the watch begins anew.");
}

}  // namespace conntrack::cli
