#include "client/cli/colour.h"

#include <unistd.h>

#include <cstdlib>
#include <map>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace conntrack::cli {
namespace {

constexpr const char* kRed = "31";
constexpr const char* kGreen = "32";
constexpr const char* kYellow = "33";
constexpr const char* kCyan = "36";

const std::map<std::string, const char*>& Colours() {
  static const auto* const colours = new std::map<std::string, const char*>{
      // States.
      {"SYN_SENT", kYellow},
      {"SYN_SENT2", kYellow},
      {"SYN_RECV", kYellow},
      {"COOKIE_WAIT", kYellow},
      {"COOKIE_ECHOED", kYellow},
      {"HEARTBEAT_SENT", kYellow},
      {"ESTABLISHED", kGreen},
      {"FIN_WAIT", kCyan},
      {"CLOSE_WAIT", kCyan},
      {"LAST_ACK", kCyan},
      {"TIME_WAIT", kCyan},
      {"SHUTDOWN_SENT", kCyan},
      {"SHUTDOWN_RECD", kCyan},
      {"SHUTDOWN_ACK_SENT", kCyan},
      {"CLOSE", kRed},
      {"CLOSED", kRed},
      // Flags.
      {"assured", kGreen},
      {"unreplied", kYellow},
      // Verdicts; NEW is an event too.
      {"NEW", kCyan},
      {"RELATED", kCyan},
      {"INVALID", kRed},
      {"TABLE_FULL", kRed},
      // Events.
      {"DESTROY", kRed},
      {"LEFT", kRed},
  };
  return *colours;
}

}  // namespace

absl::StatusOr<ColourMode> ParseColourMode(const std::string& text) {
  if (text == "auto") return ColourMode::kAuto;
  if (text == "always") return ColourMode::kAlways;
  if (text == "never") return ColourMode::kNever;
  return absl::InvalidArgumentError(
      absl::StrCat("color \"", text, "\" is none of auto, always, never"));
}

bool MayColour(ColourMode mode, int descriptor) {
  if (mode != ColourMode::kAuto) return mode == ColourMode::kAlways;
  const char* const refused = std::getenv("NO_COLOR");
  if (refused != nullptr && *refused != '\0') return false;
  const char* const terminal = std::getenv("TERM");
  if (terminal != nullptr && std::string_view(terminal) == "dumb") return false;
  return isatty(descriptor) == 1;
}

std::string Coloured(const std::string& word) {
  const auto found = Colours().find(word);
  if (found == Colours().end()) return word;
  return absl::StrCat("\x1b[", found->second, "m", word, "\x1b[0m");
}

}  // namespace conntrack::cli
