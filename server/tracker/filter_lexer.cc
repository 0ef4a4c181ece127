#include "server/tracker/filter_lexer.h"

#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace conntrack {
namespace {

constexpr size_t kQuotedBytesMax = 48;

struct Spelling {
  absl::string_view text;
  FilterOperator op;
};
// The longer ones first, because they begin like the shorter ones.
constexpr std::array<Spelling, 7> kSpellings = {{{"<=", FilterOperator::kLessOrEqual},
                                                 {">=", FilterOperator::kGreaterOrEqual},
                                                 {"!=", FilterOperator::kNotEqual},
                                                 {"<", FilterOperator::kLess},
                                                 {">", FilterOperator::kGreater},
                                                 {"=", FilterOperator::kEqual},
                                                 {":", FilterOperator::kHas}}};

bool IsNameByte(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.';
}

bool EndsValue(char c) {
  return absl::ascii_isspace(static_cast<unsigned char>(c)) ||
         absl::string_view("(),\"'=<>!").find(c) != absl::string_view::npos;
}

}  // namespace

absl::string_view TextOf(FilterOperator op) {
  for (const Spelling& spelling : kSpellings) {
    if (spelling.op == op) return spelling.text;
  }
  return "ip_in";
}

std::string QuoteForMessage(absl::string_view text) {
  const bool cut = text.size() > kQuotedBytesMax;
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, kQuotedBytesMax)), cut ? "..." : "",
                      "\"");
}

absl::Status FilterError(size_t column, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat("filter column ", column, ": ", message));
}

bool FilterLexer::SkipSpace() {
  const size_t before = position_;
  while (!done() && absl::ascii_isspace(static_cast<unsigned char>(text_[position_]))) ++position_;
  return position_ != before;
}

bool FilterLexer::Take(char c) {
  if (!Next(c)) return false;
  ++position_;
  return true;
}

bool FilterLexer::TakeKeyword(absl::string_view keyword) {
  const absl::string_view rest = text_.substr(position_);
  if (!absl::StartsWith(rest, keyword)) return false;
  if (rest.size() > keyword.size() && IsNameByte(rest[keyword.size()])) return false;
  position_ += keyword.size();
  return true;
}

FilterWord FilterLexer::TakeName() {
  const size_t begin = position_;
  while (!done() && IsNameByte(text_[position_])) ++position_;
  return {std::string(text_.substr(begin, position_ - begin)), begin + 1};
}

std::optional<FilterOperator> FilterLexer::TakeOperator() {
  for (const Spelling& spelling : kSpellings) {
    if (!absl::StartsWith(text_.substr(position_), spelling.text)) continue;
    position_ += spelling.text.size();
    return spelling.op;
  }
  return std::nullopt;
}

absl::StatusOr<FilterWord> FilterLexer::TakeValue() {
  if (Next('"') || Next('\'')) return TakeQuoted();
  const size_t begin = position_;
  while (!done() && !EndsValue(text_[position_])) ++position_;
  if (position_ == begin) return Unexpected("a value");
  return FilterWord{std::string(text_.substr(begin, position_ - begin)), begin + 1};
}

absl::StatusOr<FilterWord> FilterLexer::TakeQuoted() {
  const char quote = text_[position_];
  FilterWord word{"", column()};
  for (size_t i = position_ + 1; i < text_.size(); ++i) {
    if (text_[i] == quote) {
      position_ = i + 1;
      return word;
    }
    if (text_[i] == '\\' && i + 1 < text_.size()) ++i;
    word.text.push_back(text_[i]);
  }
  return FilterError(column(), "the string that begins here has no end");
}

absl::Status FilterLexer::Unexpected(absl::string_view wanted) const {
  if (done()) return FilterError(column(), absl::StrCat("ends where ", wanted, " should stand"));
  absl::string_view found = text_.substr(position_);
  size_t size = 1;
  while (size < found.size() && !EndsValue(found[size - 1]) && !EndsValue(found[size])) ++size;
  return FilterError(column(), absl::StrCat("expected ", wanted, ", not ",
                                            QuoteForMessage(found.substr(0, size))));
}

}  // namespace conntrack
