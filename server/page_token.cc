#include "server/page_token.h"

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace conntrack {

std::string EncodePageToken(const PageToken& token) {
  std::string plain = absl::StrCat(token.epoch, ".", token.request_hash);
  for (const uint64_t number : token.place) absl::StrAppend(&plain, ".", number);
  return absl::WebSafeBase64Escape(plain);
}

absl::StatusOr<PageToken> DecodePageToken(const std::string& text, const PageToken& expected,
                                          const std::string& bound_to) {
  const absl::Status bad =
      absl::InvalidArgumentError(absl::StrCat("page_token \"", text, "\" is not a token"));
  std::string plain;
  if (!absl::WebSafeBase64Unescape(text, &plain)) return bad;
  std::vector<uint64_t> numbers;
  for (const absl::string_view part : absl::StrSplit(plain, '.')) {
    uint64_t number = 0;
    if (!absl::SimpleAtoi(part, &number)) return bad;
    numbers.push_back(number);
  }
  if (numbers.size() < 2) return bad;
  const PageToken token{numbers[0], numbers[1], {numbers.begin() + 2, numbers.end()}};
  if (token.epoch != expected.epoch) {
    return absl::InvalidArgumentError("page_token is of an earlier run of the server");
  }
  if (token.request_hash != expected.request_hash) {
    return absl::InvalidArgumentError(absl::StrCat("page_token is of another ", bound_to));
  }
  if (token.place.size() != expected.place.size()) return bad;
  return token;
}

}  // namespace conntrack
