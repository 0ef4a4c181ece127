// The names of labels, as the host's connlabel.conf has them for iptables and
// conntrack(8).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "conntrack/v1/types.pb.h"

namespace conntrack::cli {

// Where iptables and conntrack(8) look.
inline constexpr char kLabelFile[] = "/etc/xtables/connlabel.conf";

class LabelNames {
 public:
  // Reads lines "NUMBER NAME", numbers 0 to 127; a name is the rest of its line.
  // Other lines are passed over, and so is what names a number or uses a name a
  // second time. Where there is no file, each label is called by its number.
  static LabelNames Read(const std::string& path = kLabelFile);

  // The number of a label. InvalidArgument names one that is not known.
  absl::StatusOr<uint32_t> NumberOf(const std::string& name) const;

  // What the labels of a connection are called, the lowest number first. A label
  // that the file does not name is left out, as conntrack(8) does.
  std::vector<std::string> NamesOf(const v1::Connection& connection) const;

 private:
  std::map<uint32_t, std::string> names_;
};

}  // namespace conntrack::cli
