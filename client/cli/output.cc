#include "client/cli/output.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace conntrack::cli {
namespace {

constexpr size_t kHeldBytesMax = 64u << 10;

}  // namespace

void Output::Write(const std::string& text) {
  if (closed_) return;
  held_ += text;
  if (held_.size() >= kHeldBytesMax) Flush();
}

void Output::Flush() {
  size_t at = 0;
  while (at < held_.size() && !closed_) {
    const ssize_t written = write(descriptor_, held_.data() + at, held_.size() - at);
    if (written >= 0) {
      at += static_cast<size_t>(written);
    } else if (errno != EINTR) {
      closed_ = true;
      if (errno != EPIPE) {
        status_ = absl::UnknownError(
            absl::StrCat("cannot write the output: ", std::generic_category().message(errno)));
      }
    }
  }
  held_.clear();
}

}  // namespace conntrack::cli
