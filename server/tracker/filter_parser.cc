#include "server/tracker/filter_parser.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/tracker/filter.h"

namespace conntrack {
namespace {

class Parser {
 public:
  explicit Parser(absl::string_view text) : lexer_(text) {}

  absl::StatusOr<std::optional<FilterNode>> Parse() {
    lexer_.SkipSpace();
    if (lexer_.done()) return std::optional<FilterNode>();
    absl::StatusOr<FilterNode> node = ParseAll(0);
    if (!node.ok()) return node.status();
    // ParseAll stops at the end or at a parenthesis.
    if (!lexer_.done()) return FilterError(lexer_.column(), "\")\" closes nothing");
    return std::optional<FilterNode>(*std::move(node));
  }

 private:
  absl::StatusOr<FilterNode> ParseAll(size_t depth);
  absl::StatusOr<FilterNode> ParseAny(size_t depth);
  absl::StatusOr<FilterNode> ParseTerm(size_t depth);
  absl::StatusOr<FilterNode> ParseSimple(size_t depth);
  absl::StatusOr<FilterNode> ParseTest();
  absl::StatusOr<FilterNode> ParseIpIn(const FilterWord& name, size_t column);
  absl::Status NoTest(const FilterWord& word) const;

  static FilterNode Join(FilterNode::Kind kind, std::vector<FilterNode> children) {
    if (children.size() == 1) return std::move(children.front());
    FilterNode node;
    node.kind = kind;
    node.children = std::move(children);
    return node;
  }

  FilterLexer lexer_;
  size_t tests_ = 0;
};

absl::StatusOr<FilterNode> Parser::ParseAll(size_t depth) {
  std::vector<FilterNode> children;
  while (true) {
    absl::StatusOr<FilterNode> child = ParseAny(depth);
    if (!child.ok()) return child.status();
    children.push_back(*std::move(child));
    const bool space = lexer_.SkipSpace();
    if (lexer_.done() || lexer_.Next(')')) return Join(FilterNode::Kind::kAll, std::move(children));
    if (!space) return lexer_.Unexpected("a space");
    if (lexer_.TakeKeyword("AND")) lexer_.SkipSpace();
  }
}

absl::StatusOr<FilterNode> Parser::ParseAny(size_t depth) {
  std::vector<FilterNode> children;
  while (true) {
    absl::StatusOr<FilterNode> child = ParseTerm(depth);
    if (!child.ok()) return child.status();
    children.push_back(*std::move(child));
    // The space is left to ParseAll, which wants to see it.
    FilterLexer ahead = lexer_;
    if (!ahead.SkipSpace() || !ahead.TakeKeyword("OR")) {
      return Join(FilterNode::Kind::kAny, std::move(children));
    }
    ahead.SkipSpace();
    lexer_ = ahead;
  }
}

absl::StatusOr<FilterNode> Parser::ParseTerm(size_t depth) {
  if (!lexer_.Take('-') && !lexer_.TakeKeyword("NOT")) return ParseSimple(depth);
  lexer_.SkipSpace();
  absl::StatusOr<FilterNode> child = ParseSimple(depth);
  if (!child.ok()) return child.status();
  FilterNode node;
  node.kind = FilterNode::Kind::kNot;
  node.children.push_back(*std::move(child));
  return node;
}

absl::StatusOr<FilterNode> Parser::ParseSimple(size_t depth) {
  const size_t column = lexer_.column();
  if (!lexer_.Take('(')) return ParseTest();
  if (depth == kFilterDepthMax) {
    return FilterError(column,
                       absl::StrCat("parentheses are nested deeper than ", kFilterDepthMax));
  }
  lexer_.SkipSpace();
  absl::StatusOr<FilterNode> node = ParseAll(depth + 1);
  if (!node.ok()) return node.status();
  if (!lexer_.Take(')')) return FilterError(column, "\"(\" is never closed");
  return node;
}

absl::StatusOr<FilterNode> Parser::ParseTest() {
  const FilterWord field = lexer_.TakeName();
  if (field.text.empty()) {
    if (!lexer_.Next('"') && !lexer_.Next('\'')) return lexer_.Unexpected("a test");
    absl::StatusOr<FilterWord> literal = lexer_.TakeValue();
    if (!literal.ok()) return literal.status();
    return NoTest(*literal);
  }
  if (field.text == "AND" || field.text == "OR" || field.text == "NOT") {
    return FilterError(field.column, absl::StrCat("expected a test, not \"", field.text, "\""));
  }
  if (++tests_ > kFilterTestsMax) {
    return FilterError(field.column, absl::StrCat("more than ", kFilterTestsMax, " tests"));
  }
  lexer_.SkipSpace();
  const size_t column = lexer_.column();
  if (lexer_.Take('(')) return ParseIpIn(field, column);
  const std::optional<FilterOperator> op = lexer_.TakeOperator();
  if (!op.has_value()) return NoTest(field);
  lexer_.SkipSpace();
  absl::StatusOr<FilterWord> value = lexer_.TakeValue();
  if (!value.ok()) return value.status();
  FilterNode node;
  node.restriction = {field, *op, column, *std::move(value)};
  return node;
}

// Stands behind `name (`. `column` is the parenthesis's.
absl::StatusOr<FilterNode> Parser::ParseIpIn(const FilterWord& name, size_t column) {
  if (name.text != "ip_in") {
    return FilterError(name.column, absl::StrCat("unknown function ", QuoteForMessage(name.text),
                                                 "; the only one is ip_in"));
  }
  lexer_.SkipSpace();
  FilterNode node;
  FilterWord field = lexer_.TakeName();
  if (field.text.empty()) return lexer_.Unexpected("a field");
  lexer_.SkipSpace();
  if (!lexer_.Take(',')) return lexer_.Unexpected("\",\"");
  lexer_.SkipSpace();
  absl::StatusOr<FilterWord> value = lexer_.TakeValue();
  if (!value.ok()) return value.status();
  lexer_.SkipSpace();
  if (!lexer_.Take(')')) return lexer_.Unexpected("\")\"");
  node.restriction = {std::move(field), FilterOperator::kIpIn, column, *std::move(value)};
  return node;
}

// A word where a test should stand.
absl::Status Parser::NoTest(const FilterWord& word) const {
  const std::string upper = absl::AsciiStrToUpper(word.text);
  if (upper == "AND" || upper == "OR" || upper == "NOT") {
    return FilterError(word.column,
                       absl::StrCat("write ", upper, " for ", QuoteForMessage(word.text)));
  }
  return FilterError(word.column, absl::StrCat(QuoteForMessage(word.text),
                                               " stands alone; a test is a field, an operator and "
                                               "a value, as in protocol = TCP"));
}

}  // namespace

absl::StatusOr<std::optional<FilterNode>> ParseFilter(absl::string_view text) {
  return Parser(text).Parse();
}

}  // namespace conntrack
