// conntrackctl top: what a server does now, and who makes it.
#include <pthread.h>
#include <unistd.h>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <CLI/Validators.hpp>
#include <csignal>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/duration.h"
#include "client/cli/filter_flags.h"
#include "client/cli/top/controls.h"
#include "client/cli/top/live.h"
#include "client/cli/top/looker.h"
#include "client/cli/top/signals.h"
#include "client/cli/top/snapshots.h"
#include "client/cli/verbs.h"

namespace conntrack::cli {
namespace {

struct TopOptions {
  FilterFlags filter;
  std::string pane = top::NameOf(top::Pane::kOverview);
  std::string sort = top::NameOf(top::Amount::kConnections);
  std::vector<std::string> group_by;
  std::string interval = DurationText(top::kIntervalDefault);
  uint64_t count = 0;
  bool once = false;
};

// The names of all values of an enum, the first `count` numbers.
template <typename Enum>
std::vector<std::string> Names(size_t count) {
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) names.emplace_back(top::NameOf(static_cast<Enum>(i)));
  return names;
}

// REQUIRES: `name` is one of them.
template <typename Enum>
Enum ValueOf(const std::string& name) {
  size_t value = 0;
  while (top::NameOf(static_cast<Enum>(value)) != name) ++value;
  return static_cast<Enum>(value);
}

absl::StatusOr<top::Controls> ControlsOf(const TopOptions& options) {
  top::Controls controls;
  controls.pane = ValueOf<top::Pane>(options.pane);
  controls.sort = ValueOf<top::Amount>(options.sort);
  if (!options.group_by.empty()) {
    controls.groupings.insert(controls.groupings.begin(), options.group_by);
  }
  auto filter = FilterText(options.filter);
  if (!filter.ok()) return filter.status();
  controls.filter = *std::move(filter);
  const auto interval = ParseDuration(options.interval);
  if (!interval.ok()) return interval.status();
  if (*interval < top::kIntervalMin || *interval > top::kIntervalMax) {
    return absl::InvalidArgumentError(absl::StrCat("interval ", options.interval, " is not ",
                                                   DurationText(top::kIntervalMin), " to ",
                                                   DurationText(top::kIntervalMax)));
  }
  controls.interval = *interval;
  return controls;
}

absl::Status Top(Invocation& invocation, const TopOptions& options) {
  auto controls = ControlsOf(options);
  if (!controls.ok()) return controls.status();
  // Before gRPC starts its threads, which inherit the mask. What suspends is for this
  // thread alone.
  const sigset_t signals = top::TakenSignals();
  sigset_t suspends;
  sigemptyset(&suspends);
  sigaddset(&suspends, SIGTSTP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  pthread_sigmask(SIG_BLOCK, &suspends, nullptr);
  auto channel = invocation.Channel();
  if (!channel.ok()) return channel.status();
  top::Looker looker(*channel, invocation.timeout());
  // A wrong filter or address is told where it was typed.
  if (const absl::Status status = looker.Judge(controls->filter); !status.ok()) return status;
  pthread_sigmask(SIG_UNBLOCK, &suspends, nullptr);

  const uint64_t count = options.once ? 1 : options.count;
  const bool terminal = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
  if (terminal && !IsJson(invocation.format()) && count == 0) {
    return top::ShowLive(invocation, &looker, *std::move(controls));
  }
  return top::PrintSnapshots(invocation, &looker, *controls, count);
}

}  // namespace

void AddTopVerb(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<TopOptions>();
  CLI::App* verb = invocation.AddVerb(app, "top", "Show rates, states, talkers and sensors, live",
                                      [&invocation, options] { return Top(invocation, *options); },
                                      {Format::kTable, Format::kJson, Format::kJsonLines});
  verb->add_option("--pane", options->pane, "What is shown first, or printed")
      ->check(CLI::IsMember(Names<top::Pane>(top::kPanes)))
      ->capture_default_str();
  verb->add_option("--sort", options->sort, "What groups are sorted by, the largest first")
      ->check(CLI::IsMember(Names<top::Amount>(top::kAmounts)))
      ->capture_default_str();
  verb->add_option("--group-by", options->group_by,
                   "What talkers are grouped by, instead of the first of its choices; as of count")
      ->type_name("FIELD[,FIELD…]")
      ->delimiter(',')
      ->allow_extra_args(false);
  verb->add_option("--interval", options->interval, "Time between two looks, 100ms to 1h")
      ->type_name("DURATION")
      ->capture_default_str();
  auto* count =
      verb->add_option("-n,--count", options->count,
                       "Print this many snapshots and end; 0: the live view on a terminal, "
                       "else snapshots until interrupted")
          ->type_name("N")
          ->capture_default_str();
  verb->add_flag("--once", options->once, "The same as -n 1")->excludes(count);
  AddFilterFlags(*verb, &options->filter);
  invocation.SetManual(
      *verb,
      {{.command = "conntrackctl top",
        .comment = "the live view; ? shows its keys, q ends it",
        .until_interrupted = true},
       {"conntrackctl top --once", "the totals and their rates, as text"},
       {"conntrackctl top --pane talkers --sort bytes --group-by original.source --once "
        "--interval 500ms",
        "who sent most"},
       {"conntrackctl top --pane half-open --group-by original.destination --once "
        "--interval 500ms",
        "whom a SYN flood is for"},
       {"conntrackctl top -n 2 --interval 500ms -o jsonl", "rates for a program"}},
      "The panes are overview, talkers, half-open and sensors. The overview and the\n"
      "sensors read counters, which costs the server next to nothing. Talkers, half-open\n"
      "and an overview with a filter count connections: for each look the server walks\n"
      "through its table. Where a million connections are open, give them a longer\n"
      "--interval.\n"
      "\n"
      "Rates of talkers are those of their open connections, of the 1,000 groups that are\n"
      "largest in connections, packets or bytes. A snapshot needs two looks, so the first\n"
      "comes after the first interval. Where NO_COLOR is set there are no colours.");
}

}  // namespace conntrack::cli
