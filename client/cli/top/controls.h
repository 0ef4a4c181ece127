// What the keys of the live view have set, and what each key does.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "client/cli/top/look.h"

namespace conntrack::cli::top {

// The panes, in the order of their keys 1 to 4.
enum class Pane { kOverview, kTalkers, kHalfOpen, kSensors };
inline constexpr size_t kPanes = 4;
// "overview", "talkers", "half-open", "sensors".
const char* NameOf(Pane pane);

// What groups are sorted by, the largest first.
enum class Amount { kConnections, kPacketRate, kByteRate, kPackets, kBytes };
inline constexpr size_t kAmounts = 5;
// "connections", "packet-rate", "byte-rate", "packets", "bytes".
const char* NameOf(Amount amount);

inline constexpr std::chrono::milliseconds kIntervalMin{100};
inline constexpr std::chrono::milliseconds kIntervalMax{3'600'000};
inline constexpr std::chrono::milliseconds kIntervalDefault{2'000};
// As the API takes it.
inline constexpr size_t kFilterBytesMax = 4'096;

struct Controls {
  Pane pane = Pane::kOverview;
  Amount sort = Amount::kConnections;
  // What groups can be made of, and the one that is chosen.
  std::vector<std::vector<std::string>> groupings = DefaultGroupings();
  size_t grouping = 0;
  std::chrono::milliseconds interval = kIntervalDefault;
  // The filter that counts.
  std::string filter;
  bool paused = false;
  bool help = false;
  // First line of the pane that is shown. The view lowers it to what there is.
  size_t scroll = 0;
  // The filter is being edited: what is typed, and where the cursor stands in it.
  bool editing = false;
  std::string draft;
  size_t cursor = 0;
  // What is to be said in the last line until the next key; empty for nothing.
  std::string message;

  static std::vector<std::vector<std::string>> DefaultGroupings();
};

struct Key {
  enum Kind {
    kCharacter,
    kUp,
    kDown,
    kLeft,
    kRight,
    kPageUp,
    kPageDown,
    kHome,
    kEnd,
    kTab,
    kBackTab,
    kEnter,
    kEscape,
    kBackspace,
    kDelete,
  };
  Kind kind = kCharacter;
  // Of kCharacter: printable ASCII; all else does nothing.
  char character = 0;
};

// What a key asks of the program besides what it changed in the controls.
enum class Action {
  kNone,
  kQuit,
  // `draft` is wanted as the filter: the server has to judge it.
  kTryFilter,
};

// `page_lines` is how far a page is.
Action Press(const Key& key, size_t page_lines, Controls* controls);

// What the server is to be asked for the pane that is shown.
Question QuestionOf(const Controls& controls);

}  // namespace conntrack::cli::top
