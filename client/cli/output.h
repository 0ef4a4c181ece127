// Standard output: whole lines, written when asked to.
//
// When the reader goes away (`| head`), Output closes quietly: there is nobody
// left to tell, and nothing went wrong. Any other failure is an error.
//
// Not thread-safe.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace conntrack::cli {

class Output {
 public:
  // Writes to this descriptor, which stays the caller's. The process must
  // ignore SIGPIPE.
  explicit Output(int descriptor) : descriptor_(descriptor) {}

  // Holds the text until Flush, or until there is a lot of it.
  void Write(const std::string& text);

  // Writes what is held.
  void Flush();

  int descriptor() const { return descriptor_; }

  // Nobody reads any more, or writing failed: there is no point in going on.
  bool closed() const { return closed_; }

  // Why writing failed; OK when it did not, or when the reader went away.
  const absl::Status& status() const { return status_; }

 private:
  const int descriptor_;
  std::string held_;
  bool closed_ = false;
  absl::Status status_;
};

}  // namespace conntrack::cli
