#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/conntrack/commands.h"
#include "client/cli/conntrack/printer.h"
#include "client/cli/conntrack/selection.h"
#include "client/cli/conntrack/tell.h"
#include "client/cli/stop_when_done.h"
#include "conntrack/watch.h"

namespace conntrack::cli {
namespace {

constexpr std::chrono::milliseconds kBackoffMax{2'000};

void TellLoss(const v1::LossNotice& loss) {
  uint64_t lost = 0;
  for (const auto& range : loss.ranges()) {
    lost += range.last_sequence() - range.first_sequence() + 1;
  }
  Tell(absl::StrCat("WARNING: ", lost,
                    " flow events were lost: the server had more than this client could take."));
}

// Prints until the watcher is stopped, or its server was never there.
absl::Status Follow(Invocation& invocation, client::Watcher& watcher, const Selection& selection,
                    ConntrackPrinter& printer) {
  bool connected = false;
  bool away = false;
  while (!invocation.output().closed()) {
    const absl::StatusOr<client::WatchItem> item = watcher.Next();
    if (!item.ok()) return item.status();
    switch (item->kind) {
      case client::WatchItem::Kind::kMessage:
        connected = true;
        away = false;
        if (item->message.has_loss()) TellLoss(item->message.loss());
        for (const v1::Event& event : item->message.events().events()) {
          if (selection.Has(event)) printer.Print(event);
        }
        break;
      case client::WatchItem::Kind::kReset:
        connected = true;
        Tell(absl::StrCat("WARNING: flow events were lost: ", invocation.Sentence(item->status)));
        break;
      case client::WatchItem::Kind::kDisconnected:
        if (!connected) return item->status;
        // Once an outage, not once a try.
        if (!away)
          Tell(absl::StrCat("WARNING: ", invocation.Sentence(item->status), "; trying again"));
        away = true;
        break;
    }
    invocation.output().Flush();
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int> RunEvents(Invocation& invocation, const ConntrackOptions& options) {
  if (options.buffer_size) {
    Tell("NOTICE: there is no Netlink socket here: --buffer-size changes nothing.");
  }
  const Selection selection(options);
  const sigset_t signals = BlockStopSignals();
  auto channel = invocation.Channel();
  if (!channel.ok()) return channel.status();
  client::WatchOptions watch_options;
  watch_options.filter = selection.filter();
  // Somebody is looking on.
  watch_options.backoff_max = kBackoffMax;
  const auto watcher = client::Watcher::Start(*channel, watch_options);
  if (!watcher.ok()) return watcher.status();
  ConntrackPrinter printer(invocation.output(), options);
  absl::Status status;
  {
    const StopWhenDone stop(signals, invocation.output().descriptor(), **watcher);
    status = Follow(invocation, **watcher, selection, printer);
  }
  printer.End();
  if (!status.ok() && !absl::IsCancelled(status)) return status;
  TellCount(printer.printed(), "flow events", "shown");
  return 0;
}

}  // namespace conntrack::cli
