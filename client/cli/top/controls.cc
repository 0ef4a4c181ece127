#include "client/cli/top/controls.h"

#include <array>

#include "absl/strings/str_cat.h"

namespace conntrack::cli::top {
namespace {

using std::chrono::milliseconds;

constexpr std::array<const char*, kPanes> kPaneNames = {"overview", "talkers", "half-open",
                                                        "sensors"};
constexpr std::array<const char*, kAmounts> kAmountNames = {"connections", "packet-rate",
                                                            "byte-rate", "packets", "bytes"};

// Intervals that + and - step through.
constexpr std::array<milliseconds, 9> kIntervals = {
    milliseconds(100),    milliseconds(250),    milliseconds(500),
    milliseconds(1'000),  milliseconds(2'000),  milliseconds(5'000),
    milliseconds(10'000), milliseconds(30'000), milliseconds(60'000)};

constexpr char kHalfOpenFilter[] =
    "protocol = TCP AND (state = SYN_SENT OR state = SYN_RECV OR state = SYN_SENT2)";

void Show(Pane pane, Controls* controls) {
  controls->pane = pane;
  controls->scroll = 0;
}

void ShowNext(size_t steps, Controls* controls) {
  Show(static_cast<Pane>((static_cast<size_t>(controls->pane) + steps) % kPanes), controls);
}

void SortByNext(size_t steps, Controls* controls) {
  controls->sort = static_cast<Amount>((static_cast<size_t>(controls->sort) + steps) % kAmounts);
  controls->scroll = 0;
}

void Lengthen(Controls* controls) {
  for (const milliseconds interval : kIntervals) {
    if (interval > controls->interval) {
      controls->interval = interval;
      return;
    }
  }
}

void Shorten(Controls* controls) {
  for (auto interval = kIntervals.rbegin(); interval != kIntervals.rend(); ++interval) {
    if (*interval < controls->interval) {
      controls->interval = *interval;
      return;
    }
  }
}

void BeginEditing(Controls* controls) {
  controls->editing = true;
  controls->draft = controls->filter;
  controls->cursor = controls->draft.size();
}

Action PressCharacter(char character, Controls* controls) {
  switch (character) {
    case 'q':
      return Action::kQuit;
    case 'p':
    case ' ':
      controls->paused = !controls->paused;
      break;
    case 's':
      SortByNext(1, controls);
      break;
    case 'S':
      SortByNext(kAmounts - 1, controls);
      break;
    case 'g':
      controls->grouping = (controls->grouping + 1) % controls->groupings.size();
      controls->scroll = 0;
      break;
    case 'f':
    case '/':
      BeginEditing(controls);
      break;
    case '+':
    case '=':
      Lengthen(controls);
      break;
    case '-':
      Shorten(controls);
      break;
    case '?':
    case 'h':
      controls->help = true;
      controls->scroll = 0;
      break;
    default:
      if (character >= '1' && character < static_cast<char>('1' + kPanes)) {
        Show(static_cast<Pane>(character - '1'), controls);
      }
  }
  return Action::kNone;
}

void Scroll(const Key& key, size_t page_lines, Controls* controls) {
  const auto up = [controls](size_t lines) {
    controls->scroll -= lines < controls->scroll ? lines : controls->scroll;
  };
  switch (key.kind) {
    case Key::kUp:
      return up(1);
    case Key::kDown:
      ++controls->scroll;
      return;
    case Key::kPageUp:
      return up(page_lines);
    case Key::kPageDown:
      controls->scroll += page_lines;
      return;
    case Key::kHome:
      controls->scroll = 0;
      return;
    case Key::kEnd:
      // As far as there is; not so far that a page more would overflow.
      controls->scroll = SIZE_MAX / 2;
      return;
    default:
      return;
  }
}

// Keys of the line in which the filter is typed.
Action Edit(const Key& key, Controls* controls) {
  std::string& draft = controls->draft;
  size_t& cursor = controls->cursor;
  switch (key.kind) {
    case Key::kCharacter:
      if (draft.size() < kFilterBytesMax) draft.insert(cursor++, 1, key.character);
      break;
    case Key::kBackspace:
      if (cursor > 0) draft.erase(--cursor, 1);
      break;
    case Key::kDelete:
      if (cursor < draft.size()) draft.erase(cursor, 1);
      break;
    case Key::kLeft:
      if (cursor > 0) --cursor;
      break;
    case Key::kRight:
      if (cursor < draft.size()) ++cursor;
      break;
    case Key::kHome:
    case Key::kUp:
      cursor = 0;
      break;
    case Key::kEnd:
    case Key::kDown:
      cursor = draft.size();
      break;
    case Key::kEscape:
      controls->editing = false;
      break;
    case Key::kEnter:
      controls->editing = false;
      return Action::kTryFilter;
    default:
      break;
  }
  return Action::kNone;
}

}  // namespace

const char* NameOf(Pane pane) { return kPaneNames[static_cast<size_t>(pane)]; }

const char* NameOf(Amount amount) { return kAmountNames[static_cast<size_t>(amount)]; }

std::vector<std::vector<std::string>> Controls::DefaultGroupings() {
  return {{"original.source"},
          {"original.destination"},
          {"protocol", "original.destination_port"},
          {"original.source", "original.destination"},
          {"original.source/24/64"},
          {"protocol", "state"},
          {"zone"},
          {"sensor"}};
}

Action Press(const Key& key, size_t page_lines, Controls* controls) {
  if (key.kind == Key::kCharacter && (key.character < ' ' || key.character > '~')) {
    return Action::kNone;
  }
  controls->message.clear();
  if (controls->editing) return Edit(key, controls);
  if (controls->help) {
    const bool scrolls = key.kind != Key::kCharacter && key.kind != Key::kEscape &&
                         key.kind != Key::kEnter && key.kind != Key::kTab;
    if (scrolls) {
      Scroll(key, page_lines, controls);
      return Action::kNone;
    }
    controls->help = false;
    controls->scroll = 0;
    return Action::kNone;
  }
  switch (key.kind) {
    case Key::kCharacter:
      return PressCharacter(key.character, controls);
    case Key::kTab:
      ShowNext(1, controls);
      break;
    case Key::kBackTab:
      ShowNext(kPanes - 1, controls);
      break;
    default:
      Scroll(key, page_lines, controls);
  }
  return Action::kNone;
}

Question QuestionOf(const Controls& controls) {
  Question question;
  question.filter = controls.filter;
  switch (controls.pane) {
    case Pane::kOverview:
      // Totals count all connections; of some they have to be counted.
      if (!controls.filter.empty()) question.group_by = {"protocol", "state"};
      return question;
    case Pane::kSensors:
      return question;
    case Pane::kHalfOpen:
      // Behind what the user typed, so that the places in complaints stay right; tests
      // side by side mean AND.
      question.filter = controls.filter.empty()
                            ? kHalfOpenFilter
                            : absl::StrCat(controls.filter, " AND ", kHalfOpenFilter);
      break;
    case Pane::kTalkers:
      break;
  }
  question.group_by = controls.groupings[controls.grouping];
  const bool packets = controls.sort == Amount::kPacketRate || controls.sort == Amount::kPackets;
  const bool bytes = controls.sort == Amount::kByteRate || controls.sort == Amount::kBytes;
  question.order_by = packets ? v1::GROUP_ORDER_PACKETS
                      : bytes ? v1::GROUP_ORDER_BYTES
                              : v1::GROUP_ORDER_CONNECTIONS;
  return question;
}

}  // namespace conntrack::cli::top
