#include "client/cli/top/snapshots.h"

#include <csignal>
#include <ctime>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/top/picture.h"
#include "client/cli/top/report_json.h"
#include "client/cli/top/signals.h"
#include "client/cli/top/view.h"

namespace conntrack::cli::top {
namespace {

constexpr size_t kWidth = 100;

// True when the time has passed, false when a signal came that ends the view.
bool Wait(std::chrono::milliseconds duration) {
  sigset_t signals = TakenSignals();
  sigdelset(&signals, SIGWINCH);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
  timespec time = {};
  time.tv_sec = seconds.count();
  time.tv_nsec = (duration - seconds) / std::chrono::nanoseconds(1);
  return sigtimedwait(&signals, nullptr, &time) < 0;
}

class Printer {
 public:
  Printer(Invocation& invocation, const Controls& controls)
      : invocation_(invocation), controls_(controls) {}

  void Print(const Picture& picture) {
    Output& output = invocation_.output();
    if (invocation_.format() == Format::kJson) {
      output.Write((printed_ == 0 ? "{\"snapshots\":[\n" : ",\n") + JsonOf(picture));
    } else if (invocation_.format() == Format::kJsonLines) {
      output.Write(JsonOf(picture) + "\n");
    } else {
      if (printed_ > 0) output.Write("\n");
      for (const Line& line :
           RenderPlain({invocation_.server(), &picture, ""}, controls_, kWidth)) {
        output.Write(TextOf(line) + "\n");
      }
    }
    ++printed_;
    output.Flush();
  }

  void End() {
    if (invocation_.format() != Format::kJson) return;
    invocation_.output().Write(printed_ == 0 ? "{\"snapshots\":[]}\n" : "\n]}\n");
  }

  uint64_t printed() const { return printed_; }

 private:
  Invocation& invocation_;
  const Controls& controls_;
  uint64_t printed_ = 0;
};

}  // namespace

absl::Status PrintSnapshots(Invocation& invocation, Looker* looker, const Controls& controls,
                            uint64_t count) {
  const Question question = QuestionOf(controls);
  absl::StatusOr<Look> first = looker->Ask(question);
  // A server that was never there is most likely a wrong address.
  if (!first.ok()) return first.status();
  std::optional<Look> before = *std::move(first);
  Printer printer(invocation, controls);
  bool away = false;
  while (!invocation.output().closed() && (count == 0 || printer.printed() < count) &&
         Wait(controls.interval)) {
    absl::StatusOr<Look> look = looker->Ask(question);
    if (look.ok()) {
      if (away) Invocation::Say("connected again");
      away = false;
      printer.Print(Compare(&*before, *look));
      before = *std::move(look);
    } else if (!away) {
      // Once an outage, not once a try.
      Invocation::Say(absl::StrCat(invocation.Sentence(look.status()), "; trying again"));
      away = true;
    }
  }
  printer.End();
  return absl::OkStatus();
}

}  // namespace conntrack::cli::top
