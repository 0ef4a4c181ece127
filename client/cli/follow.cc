#include "client/cli/follow.h"

#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/cli/event_printer.h"
#include "client/cli/stop_when_done.h"
#include "conntrack/watch.h"

namespace conntrack::cli {
namespace {

constexpr std::chrono::milliseconds kBackoffMax{2'000};

uint64_t LostChanges(const v1::LossNotice& loss) {
  uint64_t lost = 0;
  for (const auto& range : loss.ranges())
    lost += range.last_sequence() - range.first_sequence() + 1;
  return lost;
}

// Follows `watcher` until it ends or enough was printed.
absl::Status PrintAll(Invocation& invocation, client::Watcher& watcher, EventPrinter* printer) {
  bool connected = false;
  bool away = false;
  while (!invocation.output().closed() && !printer->done()) {
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
        printer->Print(item->message);
        break;
      case client::WatchItem::Kind::kReset:
        connected = true;
        Invocation::Say(absl::StrCat("changes were lost, and the watch begins anew: ",
                                     invocation.Sentence(item->status)));
        printer->PrintReset(item->status);
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

}  // namespace

absl::Status Follow(Invocation& invocation, const FollowOptions& options) {
  client::WatchOptions watch_options;
  watch_options.filter = options.filter;
  watch_options.event_types = options.event_types;
  watch_options.snapshot = options.snapshot;
  // Somebody is looking on.
  watch_options.backoff_max = kBackoffMax;
  if (!absl::Base64Unescape(options.since_token, &watch_options.resume_token)) {
    return absl::InvalidArgumentError(
        absl::StrCat("since token \"", options.since_token, "\" is not base64"));
  }
  const sigset_t signals = BlockStopSignals();
  auto channel = invocation.Channel();
  if (!channel.ok()) return channel.status();
  auto watcher = client::Watcher::Start(*channel, watch_options);
  if (!watcher.ok()) return watcher.status();
  EventPrinter printer(invocation, options.count);
  absl::Status status;
  {
    const StopWhenDone stop(signals, invocation.output().descriptor(), **watcher);
    status = PrintAll(invocation, **watcher, &printer);
  }
  if (status.ok() || absl::IsCancelled(status)) printer.End();
  const std::string token = (*watcher)->resume_token();
  if (options.print_token && !token.empty()) {
    Invocation::Say(absl::StrCat("to go on from here: --since-token ", absl::Base64Escape(token)));
  }
  return absl::IsCancelled(status) ? absl::OkStatus() : status;
}

}  // namespace conntrack::cli
