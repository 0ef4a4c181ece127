// What a command line of conntrack(8) asks for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/conntrack/values.h"
#include "client/cli/label_names.h"

namespace conntrack::cli {

enum class Command {
  kNone,
  kList,
  kGet,
  kDelete,
  kCreate,
  kAdd,
  kUpdate,
  kEvents,
  kFlush,
  kCount,
  kStats,
  kLoad,
  kVersion,
  kHelp,
};

enum class ConntrackTable { kConntrack, kExpect, kDying, kUnconfirmed };

// What was said of one direction.
struct DirectionOptions {
  std::optional<IpAddress> source;
  std::optional<IpAddress> destination;
  std::optional<uint16_t> source_port;
  std::optional<uint16_t> destination_port;
  std::optional<uint16_t> source_key;
  std::optional<uint16_t> destination_key;
  std::optional<uint32_t> verification_tag;
  std::optional<uint16_t> zone;
};

// A command with its options; absent is what was not given. Options that change
// nothing of what a server that only watches can say are not kept: --secmark,
// and `-o userspace`, which is always told.
struct ConntrackOptions {
  Command command = Command::kNone;
  ConntrackTable table = ConntrackTable::kConntrack;
  // Of -R: the file; "-" is standard input.
  std::string file;

  // AF_UNSPEC, AF_INET or AF_INET6: what --family or an address says.
  int family = 0;
  std::optional<uint8_t> protocol;
  DirectionOptions original;
  DirectionOptions reply;
  // Of original.source and original.destination: the bits that count.
  std::optional<IpAddress> source_mask;
  std::optional<IpAddress> destination_mask;
  std::optional<uint8_t> icmp_type;
  std::optional<uint8_t> icmp_code;
  std::optional<uint16_t> icmp_id;
  // The state's name in capitals, which is one of the protocol's.
  std::optional<std::string> state;

  std::optional<uint64_t> id;
  std::optional<uint32_t> timeout_seconds;
  // Netfilter's status bits.
  std::optional<uint32_t> status;
  std::optional<MarkAndMask> mark;
  std::optional<uint16_t> zone;
  std::vector<uint32_t> labels;
  std::vector<uint32_t> labels_to_add;
  // Empty: all of them.
  std::optional<std::vector<uint32_t>> labels_to_delete;
  // One of --src-nat, --dst-nat and --any-nat: only what was translated.
  bool translated = false;
  bool zero = false;
  bool buffer_size = false;
  // Bits of OutputKind and EventKind.
  uint32_t output = 0;
  uint32_t events = kAllEvents;
  LabelNames label_names;

  // A line of a file: its outcome is not told.
  bool quiet = false;
};

// Reads a command line without the program's name. InvalidArgument for what is not
// understood, FailedPrecondition for what cannot go together; the messages are
// those of conntrack(8).
absl::StatusOr<ConntrackOptions> ParseConntrackOptions(const std::vector<std::string>& arguments);

}  // namespace conntrack::cli
