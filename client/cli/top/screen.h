// Text for a terminal as lines of spans, each of one style.
//
// All text is printable ASCII, a cell a character, so that a width is a size.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace conntrack::cli::top {

enum class Style { kPlain, kBold, kHeading, kSorted, kDim, kGood, kWarning, kBad };
inline constexpr size_t kStyles = 8;

struct Span {
  std::string text;
  Style style = Style::kPlain;

  friend bool operator==(const Span&, const Span&) = default;
};

using Line = std::vector<Span>;

struct Screen {
  // As many as the terminal has, none wider than it.
  std::vector<Line> lines;
  // Where the cursor stands; absent: it is hidden.
  struct Place {
    size_t row = 0;
    size_t column = 0;
  };
  std::optional<Place> cursor;
  // The first line of the pane that is shown.
  size_t scroll = 0;
};

// `text` with a ? in place of each byte that is not printable ASCII.
std::string Printable(const std::string& text);

size_t WidthOf(const Line& line);

// The text of a line alone, without spaces at the end.
std::string TextOf(const Line& line);

// Cuts the line to `width`.
void Cut(size_t width, Line* line);

// Appends spaces up to `width`, in `style`.
void Pad(size_t width, Style style, Line* line);

// Appends items to a line as long as they fit, two spaces apart; those that do not fit
// are left out. True when all fit.
bool AppendItems(const std::vector<Line>& items, size_t width, Line* line);

// Rows under headings, as wide as they must be and at most as wide as they may be.
class Grid {
 public:
  struct Column {
    std::string heading;
    bool right = false;
    // Its heading is marked, and it is not left out when there is little room.
    bool sorted = false;
  };

  explicit Grid(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // REQUIRES: a cell for each column.
  void Add(std::vector<Span> row) { rows_.push_back(std::move(row)); }

  bool empty() const { return rows_.empty(); }

  // The headings and the rows in at most `width` cells: columns are left out from the
  // last one on, but for the first and the sorted one; then the first is cut.
  std::vector<Line> Lines(size_t width) const;

 private:
  struct Shown {
    size_t column;
    size_t width;
  };
  std::vector<Shown> Fit(size_t width) const;

  const std::vector<Column> columns_;
  std::vector<std::vector<Span>> rows_;
};

}  // namespace conntrack::cli::top
