// A directory of its own under /tmp, which ends with the object.
//
// Thread-compatible.
#pragma once

#include <string>

namespace conntrack {

class ScratchDirectory {
 public:
  // Aborts when it cannot be made.
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/conntrack-comparison-XXXXXX";
};

}  // namespace conntrack
