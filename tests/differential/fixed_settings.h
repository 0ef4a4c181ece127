// Settings that a comparison holds fixed in every round.
//
// Thread-compatible.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/tracker/settings.h"

namespace conntrack {

class FixedSettings {
 public:
  // Fixes one more, written NAME=VALUE as in a scenario's `config`. InvalidArgument
  // for what is no setting, what a kernel cannot be given, and a timeout that
  // falls on a moment at which packets are sent.
  absl::Status Add(absl::string_view word);

  void ApplyTo(ZoneSettings* settings) const;

  // One of them is a timeout.
  bool has_timeouts() const { return has_timeouts_; }

 private:
  std::vector<std::string> words_;
  bool has_timeouts_ = false;
};

}  // namespace conntrack
