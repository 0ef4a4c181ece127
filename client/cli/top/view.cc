#include "client/cli/top/view.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/cli/duration.h"
#include "client/cli/top/panes.h"

namespace conntrack::cli::top {
namespace {

// "12:34:56" of an RFC 3339 time.
std::string ClockText(const google::protobuf::Timestamp& time) {
  return TimeText(time).substr(11, 8);
}

Line Item(const std::string& name, const std::string& value, Style style = Style::kBold) {
  return {{name + " ", Style::kPlain}, {value, style}};
}

Line TitleLine(const Scene& scene, const Controls& controls, size_t width) {
  std::vector<Line> items = {{{"conntrackctl top", Style::kBold}}};
  if (controls.paused) items.push_back({{"PAUSED", Style::kWarning}});
  items.push_back({{Printable(scene.server), Style::kPlain}});
  if (scene.picture != nullptr) {
    items.push_back({{ClockText(scene.picture->time), Style::kPlain}});
  }
  items.push_back({{absl::StrCat("every ", DurationText(controls.interval)), Style::kPlain}});
  if (scene.picture != nullptr) {
    items.push_back({{absl::StrCat("up ", scene.picture->uptime), Style::kPlain}});
    items.push_back({{Printable(scene.picture->software), Style::kPlain}});
  }
  Line line;
  AppendItems(items, width, &line);
  return line;
}

Line TotalsLine(const Scene& scene, size_t width) {
  Line line;
  if (scene.picture == nullptr) {
    line.push_back({"waiting for the server", Style::kDim});
    Cut(width, &line);
    return line;
  }
  const Picture& picture = *scene.picture;
  const bool invalid = picture.invalid_rate.value_or(0) > 0;
  std::vector<Line> items = {
      Item("connections", absl::StrCat(picture.connections)),
      Item("packets/s", RateText(picture.packet_rate)),
      Item("new/s", RateText(picture.new_rate)),
      Item("closed/s", RateText(picture.closed_rate)),
      Item("INVALID/s", RateText(picture.invalid_rate), invalid ? Style::kBad : Style::kBold),
      Item("half-open", absl::StrCat(picture.half_open)),
      Item("watchers", absl::StrCat(picture.watchers)),
  };
  if (picture.evicted > 0) {
    items.push_back(Item("evicted", absl::StrCat(picture.evicted), Style::kBad));
  }
  if (picture.lost_events > 0) {
    items.push_back(Item("lost by watchers", absl::StrCat(picture.lost_events), Style::kBad));
  }
  AppendItems(items, width, &line);
  return line;
}

Line TabsLine(const Controls& controls, size_t width) {
  Line line;
  std::vector<Line> items;
  for (size_t i = 0; i < kPanes; ++i) {
    const auto pane = static_cast<Pane>(i);
    items.push_back({{absl::StrCat(i + 1, " ", NameOf(pane)),
                      pane == controls.pane ? Style::kSorted : Style::kDim}});
  }
  // Where there is little room the pane that is shown counts most.
  if (!AppendItems(items, width, &line)) {
    line.clear();
    AppendItems({items[static_cast<size_t>(controls.pane)]}, width, &line);
  }
  return line;
}

// What is typed, cut so that the cursor is seen.
Line EditLine(const Controls& controls, size_t width, size_t* column) {
  const std::string prompt = "filter: ";
  const size_t room = width > prompt.size() + 1 ? width - prompt.size() - 1 : 1;
  const size_t begin = controls.cursor > room ? controls.cursor - room : 0;
  *column = std::min(prompt.size() + controls.cursor - begin, width - 1);
  Line line = {{prompt, Style::kBold}, {controls.draft.substr(begin, room), Style::kPlain}};
  Cut(width, &line);
  return line;
}

Line StatusLine(const Scene& scene, const Controls& controls, size_t width) {
  Line line;
  if (!controls.message.empty()) {
    line.push_back({Printable(controls.message), Style::kBad});
  } else if (!scene.failure.empty()) {
    line.push_back({Printable(scene.failure) + "; trying again", Style::kBad});
  } else if (!controls.filter.empty()) {
    line.push_back({"filter: ", Style::kBold});
    line.push_back({Printable(controls.filter), Style::kPlain});
  } else {
    AppendItems({{{"q quit", Style::kDim}},
                 {{"? help", Style::kDim}},
                 {{"p pause", Style::kDim}},
                 {{"s sort", Style::kDim}},
                 {{"g group", Style::kDim}},
                 {{"f filter", Style::kDim}},
                 {{"1-4 panes", Style::kDim}}},
                width, &line);
  }
  Cut(width, &line);
  return line;
}

std::vector<Line> BodyLines(const Scene& scene, const Controls& controls, size_t width) {
  if (controls.help) return HelpLines(width);
  if (scene.picture == nullptr) return {};
  return PaneLines(*scene.picture, controls, width);
}

double ValueOf(const GroupRow& row, Amount amount) {
  switch (amount) {
    case Amount::kConnections:
      return static_cast<double>(row.connections);
    case Amount::kPackets:
      return static_cast<double>(row.packets);
    case Amount::kBytes:
      return static_cast<double>(row.bytes);
    case Amount::kPacketRate:
      return row.packet_rate.value_or(-1);
    case Amount::kByteRate:
      return row.byte_rate.value_or(-1);
  }
  return 0;
}

}  // namespace

std::vector<GroupRow> Sorted(const std::vector<GroupRow>& groups, Amount sort) {
  std::vector<GroupRow> sorted = groups;
  std::stable_sort(sorted.begin(), sorted.end(), [sort](const GroupRow& a, const GroupRow& b) {
    return ValueOf(a, sort) > ValueOf(b, sort);
  });
  return sorted;
}

std::string AmountText(double amount) {
  if (amount < 10) {
    const std::string text = absl::StrFormat("%.1f", amount);
    // Whole numbers without a fraction.
    return text.substr(text.size() - 2) == ".0" ? text.substr(0, text.size() - 2) : text;
  }
  constexpr std::array<const char*, 7> kUnits = {"", "k", "M", "G", "T", "P", "E"};
  size_t unit = 0;
  double scaled = amount;
  // What rounds to 1000 has the next unit.
  while (scaled >= 999.5 && unit + 1 < kUnits.size()) {
    scaled /= 1000;
    ++unit;
  }
  const int digits = unit > 0 && scaled < 9.95 ? 1 : 0;
  return absl::StrFormat("%.*f%s", digits, scaled, kUnits[unit]);
}

std::string RateText(const Rate& rate) { return rate.has_value() ? AmountText(*rate) : "-"; }

Screen Render(const Scene& scene, const Controls& controls, size_t width, size_t height) {
  Screen screen;
  if (width == 0 || height == 0) return screen;
  std::vector<Line> frame = {TitleLine(scene, controls, width), TotalsLine(scene, width),
                             TabsLine(controls, width)};
  // Of a terminal of a few lines the last one is the one that must be seen.
  frame.resize(std::min(frame.size(), height - 1));
  screen.lines = std::move(frame);
  const size_t room = height - 1 - screen.lines.size();
  const std::vector<Line> body = BodyLines(scene, controls, width);
  const size_t scroll_max = body.size() > room ? body.size() - room : 0;
  screen.scroll = std::min(controls.scroll, scroll_max);
  for (size_t i = 0; i < room; ++i) {
    const size_t at = screen.scroll + i;
    screen.lines.push_back(at < body.size() ? body[at] : Line());
  }
  if (controls.editing) {
    size_t column = 0;
    screen.lines.push_back(EditLine(controls, width, &column));
    screen.cursor = Screen::Place{height - 1, column};
  } else {
    screen.lines.push_back(StatusLine(scene, controls, width));
  }
  return screen;
}

std::vector<Line> RenderPlain(const Scene& scene, const Controls& controls, size_t width) {
  std::vector<Line> lines = {TitleLine(scene, controls, width), TotalsLine(scene, width)};
  if (!controls.filter.empty()) {
    lines.push_back({{absl::StrCat("filter: ", Printable(controls.filter)), Style::kPlain}});
  }
  lines.emplace_back();
  for (Line& line : BodyLines(scene, controls, width)) lines.push_back(std::move(line));
  return lines;
}

}  // namespace conntrack::cli::top
