// FilterLexer reads the words of a filter text from left to right. What a word
// is depends on where it stands (an address may hold the colons that are an
// operator behind a field), so the parser asks for what it expects.
//
// Thread-compatible. Each call is linear in the bytes it takes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace conntrack {

// A word and where it stands: columns count bytes from 1.
struct FilterWord {
  std::string text;
  size_t column = 0;
};

enum class FilterOperator : uint8_t {
  kEqual,
  kNotEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kHas,
  kIpIn,
};

// As written in a filter.
absl::string_view TextOf(FilterOperator op);

// `text` in quotation marks for a message: cut to a length that fits a line,
// with what is not printable ASCII as hex escapes.
std::string QuoteForMessage(absl::string_view text);

// InvalidArgument: `filter column 3: MESSAGE`.
absl::Status FilterError(size_t column, absl::string_view message);

class FilterLexer {
 public:
  // `text` must outlive the lexer.
  explicit FilterLexer(absl::string_view text) : text_(text) {}

  bool done() const { return position_ == text_.size(); }
  // Where the next byte stands.
  size_t column() const { return position_ + 1; }
  bool Next(char c) const { return !done() && text_[position_] == c; }

  // True when there was any.
  bool SkipSpace();
  // Takes the next byte if it is `c`.
  bool Take(char c);
  // Takes AND, OR or NOT if it stands here as a word of its own.
  bool TakeKeyword(absl::string_view keyword);
  // Takes letters, digits, underscores and dots; empty when there are none.
  FilterWord TakeName();
  // Takes a comparison; nullopt when there is none.
  std::optional<FilterOperator> TakeOperator();
  // Takes a quoted string, or what stands up to a space, parenthesis, comma,
  // quotation mark or comparison. InvalidArgument when there is nothing, or the
  // string does not end.
  absl::StatusOr<FilterWord> TakeValue();

  // InvalidArgument: what stands here is not what should.
  absl::Status Unexpected(absl::string_view wanted) const;

 private:
  absl::StatusOr<FilterWord> TakeQuoted();

  absl::string_view text_;
  size_t position_ = 0;
};

}  // namespace conntrack
