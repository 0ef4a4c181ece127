#include "client/cli/top/screen.h"

#include <algorithm>

namespace conntrack::cli::top {
namespace {

constexpr size_t kGap = 2;

void AppendCell(const Span& cell, size_t width, bool right, bool last, Line* line) {
  const std::string text = cell.text.substr(0, width);
  const std::string padding(width - text.size(), ' ');
  if (right && !padding.empty()) line->push_back({padding, Style::kPlain});
  line->push_back({text, cell.style});
  if (!right && !last && !padding.empty()) line->push_back({padding, Style::kPlain});
}

}  // namespace

std::string Printable(const std::string& text) {
  std::string printable = text;
  std::replace_if(
      printable.begin(), printable.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return printable;
}

size_t WidthOf(const Line& line) {
  size_t width = 0;
  for (const Span& span : line) width += span.text.size();
  return width;
}

std::string TextOf(const Line& line) {
  std::string text;
  for (const Span& span : line) text += span.text;
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

void Cut(size_t width, Line* line) {
  size_t left = width;
  for (Span& span : *line) {
    if (span.text.size() > left) span.text.resize(left);
    left -= span.text.size();
  }
}

void Pad(size_t width, Style style, Line* line) {
  const size_t now = WidthOf(*line);
  if (now < width) line->push_back({std::string(width - now, ' '), style});
}

bool AppendItems(const std::vector<Line>& items, size_t width, Line* line) {
  bool all = true;
  for (const Line& item : items) {
    const size_t gap = line->empty() ? 0 : kGap;
    if (WidthOf(*line) + gap + WidthOf(item) > width) {
      all = false;
      continue;
    }
    if (gap > 0) line->push_back({std::string(gap, ' '), Style::kPlain});
    line->insert(line->end(), item.begin(), item.end());
  }
  return all;
}

std::vector<Grid::Shown> Grid::Fit(size_t width) const {
  std::vector<Shown> shown;
  size_t total = 0;
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t wide = columns_[i].heading.size();
    for (const auto& row : rows_) wide = std::max(wide, row[i].text.size());
    shown.push_back({i, wide});
    total += wide + (i > 0 ? kGap : 0);
  }
  for (size_t i = shown.size(); i-- > 1 && total > width;) {
    if (columns_[shown[i].column].sorted) continue;
    total -= shown[i].width + kGap;
    shown.erase(shown.begin() + static_cast<ptrdiff_t>(i));
  }
  if (total > width) shown[0].width -= std::min(shown[0].width - 1, total - width);
  return shown;
}

std::vector<Line> Grid::Lines(size_t width) const {
  const std::vector<Shown> shown = Fit(width);
  std::vector<Line> lines(1);
  const auto append = [&](size_t i, const Span& cell, Line* line) {
    if (i > 0) line->push_back({std::string(kGap, ' '), Style::kPlain});
    AppendCell(cell, shown[i].width, columns_[shown[i].column].right, i + 1 == shown.size(), line);
  };
  for (size_t i = 0; i < shown.size(); ++i) {
    const Column& column = columns_[shown[i].column];
    append(i, {column.heading, column.sorted ? Style::kSorted : Style::kHeading}, &lines[0]);
  }
  for (const auto& row : rows_) {
    Line& line = lines.emplace_back();
    for (size_t i = 0; i < shown.size(); ++i) append(i, row[shown[i].column], &line);
  }
  for (Line& line : lines) Cut(width, &line);
  return lines;
}

}  // namespace conntrack::cli::top
