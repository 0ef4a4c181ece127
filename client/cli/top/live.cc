#include "client/cli/top/live.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <utility>

#include "client/cli/format_table.h"
#include "client/cli/top/poller.h"
#include "client/cli/top/signals.h"
#include "client/cli/top/terminal.h"
#include "client/cli/top/view.h"

namespace conntrack::cli::top {
namespace {

// A descriptor that is closed with its owner.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { close(number_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  const int number_;
};

class Live {
 public:
  Live(const Invocation& invocation, Looker* looker, Controls controls,
       std::unique_ptr<Terminal> terminal)
      : invocation_(invocation),
        controls_(std::move(controls)),
        terminal_(std::move(terminal)),
        outcomes_ready_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        signals_([] {
          const sigset_t signals = TakenSignals();
          return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
        }()),
        poller_(looker, PlanNow(), [this] {
          const uint64_t one = 1;
          [[maybe_unused]] const ssize_t written =
              write(outcomes_ready_.number(), &one, sizeof one);
        }) {}

  void Run() {
    while (!done_) {
      Draw();
      Wait();
      poller_.Follow(PlanNow());
    }
  }

 private:
  Plan PlanNow() const { return {QuestionOf(controls_), controls_.interval, controls_.paused}; }

  void Draw() {
    const Scene scene = {invocation_.server(), picture_.has_value() ? &*picture_ : nullptr,
                         failure_};
    const Screen screen = Render(scene, controls_, terminal_->width(), terminal_->height());
    controls_.scroll = screen.scroll;
    terminal_->Draw(screen);
  }

  void Wait() {
    pollfd ready[] = {{STDIN_FILENO, POLLIN, 0},
                      {outcomes_ready_.number(), POLLIN, 0},
                      {signals_.number(), POLLIN, 0}};
    // Interrupted by what suspends and resumes: then all is drawn anew.
    if (poll(ready, std::size(ready), -1) < 0) return;
    if (ready[2].revents != 0) TakeSignals();
    if (ready[1].revents != 0) TakeOutcomes();
    if (ready[0].revents != 0) TakeKeys();
    // The terminal is gone.
    if ((ready[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) done_ = true;
  }

  void TakeSignals() {
    signalfd_siginfo signal;
    while (read(signals_.number(), &signal, sizeof signal) == sizeof signal) {
      if (signal.ssi_signo == SIGWINCH) {
        terminal_->Resize();
      } else {
        done_ = true;
      }
    }
  }

  void TakeKeys() {
    while (const std::optional<Key> key = terminal_->ReadKey()) {
      const size_t height = terminal_->height();
      const size_t page = height > kFrameLines ? height - kFrameLines : 1;
      switch (Press(*key, page, &controls_)) {
        case Action::kNone:
          break;
        case Action::kQuit:
          done_ = true;
          break;
        case Action::kTryFilter:
          poller_.Judge(controls_.draft);
          break;
      }
    }
  }

  void TakeOutcomes() {
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = read(outcomes_ready_.number(), &count, sizeof count);
    for (Outcome& outcome : poller_.Take()) {
      if (outcome.filter.has_value()) {
        TakeVerdict(*outcome.filter, outcome.verdict);
      } else {
        TakeLook(std::move(outcome.look));
      }
    }
  }

  void TakeVerdict(const std::string& filter, const absl::Status& verdict) {
    if (verdict.ok()) {
      controls_.filter = filter;
      controls_.scroll = 0;
    } else {
      controls_.message = invocation_.Sentence(verdict);
    }
  }

  void TakeLook(absl::StatusOr<Look> look) {
    if (!look.ok()) {
      failure_ = invocation_.Sentence(look.status());
      return;
    }
    failure_.clear();
    picture_ = Compare(look_.has_value() ? &*look_ : nullptr, *look);
    look_ = *std::move(look);
  }

  const Invocation& invocation_;
  Controls controls_;
  std::optional<Look> look_;
  std::optional<Picture> picture_;
  std::string failure_;
  bool done_ = false;
  const std::unique_ptr<Terminal> terminal_;
  const Descriptor outcomes_ready_;
  const Descriptor signals_;
  // The last one: its thread uses the others.
  Poller poller_;
};

}  // namespace

absl::Status ShowLive(const Invocation& invocation, Looker* looker, Controls controls) {
  const bool colours = invocation.table_style() == Table::Style::kColoured;
  auto terminal = Terminal::Open(colours);
  if (!terminal.ok()) return terminal.status();
  Live(invocation, looker, std::move(controls), *std::move(terminal)).Run();
  return absl::OkStatus();
}

}  // namespace conntrack::cli::top
