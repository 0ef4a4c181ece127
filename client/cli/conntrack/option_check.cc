#include "client/cli/conntrack/option_check.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "conntrack/v1/types.pb.h"

namespace conntrack::cli {
namespace {

absl::Status Refused(const std::string& message) { return absl::InvalidArgumentError(message); }

class Checker {
 public:
  Checker(char letter, const std::set<Option>& given, const ConntrackOptions& options)
      : letter_(letter), given_(given), options_(options) {}

  absl::Status Check() const;

 private:
  absl::Status CheckRow(const OptionRow& row) const;
  absl::Status CheckTuple() const;
  absl::Status CheckPairs() const;
  bool Given(Option option) const { return given_.contains(option); }
  bool Given(Option one, Option other) const { return Given(one) && Given(other); }
  bool HasAddresses() const {
    return Given(Option::kSource, Option::kDestination) ||
           Given(Option::kReplySource, Option::kReplyDestination);
  }

  const char letter_;
  const std::set<Option>& given_;
  const ConntrackOptions& options_;
};

absl::Status Checker::CheckRow(const OptionRow& row) const {
  const bool given = Given(row.option);
  if (!given && std::strchr(row.needed_by, letter_) != nullptr) {
    return Refused(
        absl::StrCat("You need to supply the `--", row.names[0], "' option for this command"));
  }
  if (given && std::strchr(row.taken_by, letter_) == nullptr) {
    return Refused(absl::StrCat("Illegal option `--", row.names[0], "' with this command"));
  }
  return absl::OkStatus();
}

absl::Status Checker::CheckTuple() const {
  const auto say = [](const char* one, const char* other) {
    return Refused(absl::StrCat("you have to specify `--", one, "' and `--", other, "'"));
  };
  if (!HasAddresses()) {
    return say("src", "dst");
  }
  switch (*options_.protocol) {
    case v1::PROTOCOL_TCP:
    case v1::PROTOCOL_UDP:
    case v1::PROTOCOL_UDPLITE:
    case v1::PROTOCOL_SCTP:
    case v1::PROTOCOL_DCCP:
      if (!Given(Option::kSourcePort, Option::kDestinationPort) &&
          !Given(Option::kReplySourcePort, Option::kReplyDestinationPort)) {
        return say("sport", "dport");
      }
      return absl::OkStatus();
    case v1::PROTOCOL_GRE:
      if (!Given(Option::kSourceKey, Option::kDestinationKey) &&
          !Given(Option::kReplySourceKey, Option::kReplyDestinationKey)) {
        return say("srckey", "dstkey");
      }
      return absl::OkStatus();
    default:
      return absl::OkStatus();
  }
}

absl::Status Checker::Check() const {
  const bool one = letter_ == 'G' || letter_ == 'I' || letter_ == 'A';
  bool of_protocol = false;
  for (const OptionRow& row : OptionRows()) {
    if (!row.protocols.empty()) {
      if (!options_.protocol.has_value()) break;
      if (std::find(row.protocols.begin(), row.protocols.end(), *options_.protocol) ==
          row.protocols.end()) {
        continue;
      }
      // Addresses are asked for before what only one protocol has.
      if (!of_protocol && one && !HasAddresses()) return CheckTuple();
      of_protocol = true;
    }
    if (const absl::Status status = CheckRow(row); !status.ok()) return status;
  }
  if (one) {
    if (const absl::Status status = CheckTuple(); !status.ok()) return status;
  }
  return CheckPairs();
}

absl::Status Checker::CheckPairs() const {
  if (options_.source_mask.has_value() && !options_.original.source.has_value()) {
    return Refused("Can't use --mask-src without --src");
  }
  if (options_.destination_mask.has_value() && !options_.original.destination.has_value()) {
    return Refused("Can't use --mask-dst without --dst");
  }
  if (options_.zero && given_.size() > (Given(Option::kOutput) ? 2 : 1)) {
    return Refused("Can't use -z with filtering parameters");
  }
  if (!options_.labels_to_add.empty() && options_.labels_to_delete.has_value()) {
    return absl::FailedPreconditionError("cannot use --label-add and --label-del at the same time");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckOptions(char letter, const std::set<Option>& given,
                          const ConntrackOptions& options) {
  return Checker(letter, given, options).Check();
}

}  // namespace conntrack::cli
