#include "client/cli/top/panes.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/top/view.h"

namespace conntrack::cli::top {
namespace {

// Two grids stand side by side from this width on.
constexpr size_t kSideBySideWidth = 76;
constexpr size_t kGutter = 4;

Style StyleOfRate(const Rate& rate, Style alarm) {
  return rate.has_value() && *rate > 0 ? alarm : Style::kPlain;
}

Span Number(uint64_t number) { return {absl::StrCat(number), Style::kPlain}; }

Style StyleOfState(const std::string& state) {
  const std::string name = absl::AsciiStrToLower(state);
  if (name == "established" || name == "assured") return Style::kGood;
  if (name == "syn_sent" || name == "syn_recv" || name == "unreplied") return Style::kWarning;
  return Style::kPlain;
}

// Whether the groups of the picture are those that the pane shows: not when they answer
// what was asked for another one. In which order they came does not matter.
bool HasGroupsFor(const Controls& controls, const Picture& picture) {
  const Question wanted = QuestionOf(controls);
  return picture.question.group_by == wanted.group_by && picture.question.filter == wanted.filter;
}

Grid States(const Picture& picture, const Controls& controls) {
  Grid grid({{"PROTOCOL"}, {"STATE"}, {"CONNECTIONS", true, true}});
  if (!controls.filter.empty()) {
    if (!HasGroupsFor(controls, picture)) return grid;
    for (const GroupRow& group : picture.groups) {
      const std::string state = group.values[1].empty() ? "-" : group.values[1];
      grid.Add({{Printable(absl::AsciiStrToLower(group.values[0])), Style::kPlain},
                {Printable(absl::AsciiStrToUpper(state)), StyleOfState(state)},
                Number(group.connections)});
    }
    return grid;
  }
  for (const StateRow& row : picture.states) {
    grid.Add({{Printable(row.protocol), Style::kPlain},
              {Printable(absl::AsciiStrToUpper(row.state)), StyleOfState(row.state)},
              Number(row.connections)});
  }
  return grid;
}

Grid Reasons(const Picture& picture) {
  Grid grid({{"INVALID BECAUSE"}, {"PACKETS", true, true}, {"/S", true}});
  for (const ReasonRow& row : picture.reasons) {
    grid.Add({{Printable(row.reason), StyleOfRate(row.packet_rate, Style::kBad)},
              Number(row.packets),
              {RateText(row.packet_rate), Style::kPlain}});
  }
  return grid;
}

Grid Zones(const Picture& picture) {
  Grid grid({{"ZONE"},
             {"CONNECTIONS", true},
             {"OF", true},
             {"PACKETS/S", true},
             {"INVALID/S", true},
             {"EVICTED", true}});
  for (const ZoneRow& row : picture.zones) {
    // Nearly full is the moment to look.
    const bool full = row.connections >= row.connections_max - row.connections_max / 10;
    grid.Add({{absl::StrCat(row.zone), Style::kPlain},
              {absl::StrCat(row.connections), full ? Style::kBad : Style::kPlain},
              Number(row.connections_max),
              {RateText(row.packet_rate), Style::kPlain},
              {RateText(row.invalid_rate), StyleOfRate(row.invalid_rate, Style::kBad)},
              Number(row.evicted)});
  }
  return grid;
}

Grid Sensors(const Picture& picture) {
  Grid grid({{"SENSOR"},
             {"ZONE", true},
             {"PACKETS/S", true},
             {"LAG", true},
             {"LOST", true},
             {"LOST/S", true},
             {"LEDGER"}});
  for (const SensorRow& row : picture.sensors) {
    grid.Add({{Printable(row.id), row.connected ? Style::kGood : Style::kDim},
              {absl::StrCat(row.zone), Style::kPlain},
              {row.connected ? RateText(row.packet_rate) : "gone", Style::kPlain},
              {row.lag.empty() ? "-" : row.lag, Style::kPlain},
              {absl::StrCat(row.lost), row.lost > 0 ? Style::kWarning : Style::kPlain},
              {RateText(row.lost_rate), StyleOfRate(row.lost_rate, Style::kBad)},
              {Printable(row.ledger), Style::kPlain}});
  }
  return grid;
}

Grid Groups(const Picture& picture, const Controls& controls) {
  const auto column = [&](const char* heading, Amount amount) -> Grid::Column {
    return {heading, true, controls.sort == amount};
  };
  Grid grid({{absl::AsciiStrToUpper(absl::StrJoin(picture.question.group_by, ","))},
             column("CONNECTIONS", Amount::kConnections),
             column("PACKETS/S", Amount::kPacketRate),
             column("BYTES/S", Amount::kByteRate),
             column("PACKETS", Amount::kPackets),
             column("BYTES", Amount::kBytes)});
  for (const GroupRow& row : Sorted(picture.groups, controls.sort)) {
    const std::string name =
        absl::StrJoin(row.values, " ", [](std::string* out, const std::string& value) {
          absl::StrAppend(out, value.empty() ? "-" : value);
        });
    grid.Add({{Printable(name), Style::kPlain},
              Number(row.connections),
              {RateText(row.packet_rate), Style::kPlain},
              {RateText(row.byte_rate), Style::kPlain},
              {AmountText(static_cast<double>(row.packets)), Style::kPlain},
              {AmountText(static_cast<double>(row.bytes)), Style::kPlain}});
  }
  return grid;
}

void Append(const std::vector<Line>& more, std::vector<Line>* lines) {
  if (!lines->empty()) lines->emplace_back();
  lines->insert(lines->end(), more.begin(), more.end());
}

std::vector<Line> SideBySide(const Grid& left, const Grid& right, size_t width) {
  const size_t half = (width - kGutter) / 2;
  std::vector<Line> lines = left.Lines(half);
  const std::vector<Line> others = right.Lines(half);
  lines.resize(std::max(lines.size(), others.size()));
  for (size_t i = 0; i < others.size(); ++i) {
    Pad(half + kGutter, Style::kPlain, &lines[i]);
    lines[i].insert(lines[i].end(), others[i].begin(), others[i].end());
  }
  return lines;
}

std::vector<Line> Overview(const Picture& picture, const Controls& controls, size_t width) {
  std::vector<Line> lines;
  const Grid states = States(picture, controls);
  const Grid reasons = Reasons(picture);
  if (width >= kSideBySideWidth) {
    lines = SideBySide(states, reasons, width);
  } else {
    lines = states.Lines(width);
    Append(reasons.Lines(width), &lines);
  }
  Append(Zones(picture).Lines(width), &lines);
  Append(Sensors(picture).Lines(width), &lines);
  return lines;
}

std::vector<Line> Talkers(const Picture& picture, const Controls& controls, size_t width) {
  if (!HasGroupsFor(controls, picture)) return {};
  std::vector<Line> lines = Groups(picture, controls).Lines(width);
  if (picture.other_groups > 0) {
    Line& more = lines.emplace_back();
    more.push_back({absl::StrCat("and ", picture.other_groups, " other groups"), Style::kDim});
    Cut(width, &more);
  }
  return lines;
}

}  // namespace

std::vector<Line> PaneLines(const Picture& picture, const Controls& controls, size_t width) {
  switch (controls.pane) {
    case Pane::kOverview:
      return Overview(picture, controls, width);
    case Pane::kTalkers:
    case Pane::kHalfOpen:
      return Talkers(picture, controls, width);
    case Pane::kSensors:
      return Sensors(picture).Lines(width);
  }
  return {};
}

std::vector<Line> HelpLines(size_t width) {
  Grid grid({{"KEY"}, {"WHAT IT DOES"}});
  const auto add = [&grid](const char* key, const char* what) {
    grid.Add({{key, Style::kBold}, {what, Style::kPlain}});
  };
  add("1-4, tab", "overview, talkers, half-open, sensors");
  add("s, S", "sort groups by the next, the former column");
  add("g", "group by something else");
  add("f, /", "edit the filter; enter takes it, escape does not");
  add("p, space", "pause, and go on");
  add("+, -", "look less often, more often");
  add("arrows", "scroll; page up, page down, home, end too");
  add("?, h", "this page; any key leaves it");
  add("q", "quit");
  std::vector<Line> lines = grid.Lines(width);
  for (const char* note : {"", "Talkers, half-open, and an overview with a filter count",
                           "connections: a walk of the", "server through its table each time."}) {
    lines.push_back({{note, Style::kDim}});
    Cut(width, &lines.back());
  }
  return lines;
}

}  // namespace conntrack::cli::top
