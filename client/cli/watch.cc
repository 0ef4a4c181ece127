// conntrackctl watch: what changes, until interrupted.
#include "conntrack/watch.h"

#include <pthread.h>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <csignal>
#include <memory>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/cli/event_printer.h"
#include "client/cli/filter_flags.h"
#include "client/cli/verbs.h"

namespace conntrack::cli {
namespace {

constexpr std::chrono::milliseconds kBackoffMax{2'000};

struct WatchVerbOptions {
  FilterFlags filter;
  bool snapshot = false;
  uint64_t count = 0;
  std::string resume_token;
};

// Stops a watcher on SIGINT and SIGTERM, which are how a watch is meant to end,
// for as long as it lives.
class StopOnSignal {
 public:
  // REQUIRES: no other thread takes these signals: they are blocked before any
  // thread is started.
  StopOnSignal(const sigset_t& signals, client::Watcher& watcher)
      : signals_(signals), thread_([this, &watcher] {
          int signal = 0;
          sigwait(&signals_, &signal);
          watcher.Stop();
        }) {}

  ~StopOnSignal() {
    // Wakes the thread when no signal did.
    pthread_kill(thread_.native_handle(), SIGTERM);
    thread_.join();
  }

 private:
  const sigset_t signals_;
  std::thread thread_;
};

uint64_t LostChanges(const v1::LossNotice& loss) {
  uint64_t lost = 0;
  for (const auto& range : loss.ranges())
    lost += range.last_sequence() - range.first_sequence() + 1;
  return lost;
}

// Follows `watcher` until it ends or enough was printed.
absl::Status Follow(Invocation& invocation, client::Watcher& watcher,
                    const WatchVerbOptions& options) {
  EventPrinter printer(invocation, options.count);
  bool connected = false;
  bool away = false;
  while (!invocation.output().closed() && !printer.done()) {
    absl::StatusOr<client::WatchItem> item = watcher.Next();
    if (!item.ok()) return item.status();
    switch (item->kind) {
      case client::WatchItem::Kind::kMessage:
        connected = true;
        if (away) Invocation::Say("connected again");
        away = false;
        if (item->message.has_loss()) {
          Invocation::Say(
              absl::StrCat("lost ", LostChanges(item->message.loss()),
                           " changes: the server had more than this client could take"));
        }
        printer.Print(item->message);
        break;
      case client::WatchItem::Kind::kReset:
        connected = true;
        Invocation::Say(absl::StrCat("changes were lost, and the watch begins anew: ",
                                     invocation.Sentence(item->status)));
        printer.PrintReset(item->status);
        break;
      case client::WatchItem::Kind::kDisconnected:
        // A server that was never there is most likely a wrong address.
        if (!connected) return item->status;
        // Once an outage, not once a try.
        if (!away)
          Invocation::Say(absl::StrCat(invocation.Sentence(item->status), "; trying again"));
        away = true;
        break;
    }
    invocation.output().Flush();
  }
  return absl::OkStatus();
}

absl::Status Watch(Invocation& invocation, const WatchVerbOptions& options) {
  client::WatchOptions watch_options;
  auto filter = FilterText(options.filter);
  if (!filter.ok()) return filter.status();
  watch_options.filter = *filter;
  watch_options.snapshot = options.snapshot;
  // Somebody is looking on.
  watch_options.backoff_max = kBackoffMax;
  if (!absl::Base64Unescape(options.resume_token, &watch_options.resume_token)) {
    return absl::InvalidArgumentError(
        absl::StrCat("resume token \"", options.resume_token, "\" is not base64"));
  }
  // Before gRPC starts its threads, which inherit the mask.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  auto channel = invocation.Channel();
  if (!channel.ok()) return channel.status();
  auto watcher = client::Watcher::Start(*channel, watch_options);
  if (!watcher.ok()) return watcher.status();
  absl::Status status;
  {
    const StopOnSignal stop(signals, **watcher);
    status = Follow(invocation, **watcher, options);
  }
  const std::string token = (*watcher)->resume_token();
  if (!token.empty()) {
    Invocation::Say(absl::StrCat("to go on from here: --resume-token ", absl::Base64Escape(token)));
  }
  return absl::IsCancelled(status) ? absl::OkStatus() : status;
}

}  // namespace

void AddWatchVerb(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<WatchVerbOptions>();
  CLI::App* verb =
      invocation.AddVerb(app, "watch", "Print changes as they happen, until interrupted",
                         [&invocation, options] { return Watch(invocation, *options); });
  AddFilterFlags(*verb, &options->filter);
  auto* snapshot =
      verb->add_flag("--snapshot", options->snapshot, "Begin with the connections that are open");
  verb->add_option("--count", options->count, "Stop after this many changes; 0 for no limit")
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--resume-token", options->resume_token,
                   "Begin after this place, which an earlier watch named")
      ->type_name("TOKEN")
      ->excludes(snapshot);
  invocation.SetManual(*verb,
                       {{.command = "conntrackctl watch --snapshot -o jsonl",
                         .comment = "what is open, then what changes, for a program",
                         .until_interrupted = true},
                        {.command = "conntrackctl watch --snapshot -p tcp --dport 80 -o conntrack",
                         .comment = "connections to one port, as conntrack -E prints changes",
                         .until_interrupted = true}},
                       "What was lost, and every reconnect, is told on standard error.\n"
                       "With json and jsonl each object has one key: event, connection (of the\n"
                       "snapshot), snapshotEnd, bookmark, loss or reset.");
}

}  // namespace conntrack::cli
