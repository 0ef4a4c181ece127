// A tuple of one direction: as flags, or as a line of text.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "conntrack/v1/connection_service.pb.h"

namespace conntrack::cli {

// As they were typed; empty or absent means not given.
struct TupleFlags {
  uint32_t zone = 0;
  std::string protocol;
  std::string source;
  std::string destination;
  std::optional<uint16_t> source_port;
  std::optional<uint16_t> destination_port;
  std::optional<uint16_t> icmp_type;
  std::optional<uint16_t> icmp_code;
  std::optional<uint16_t> icmp_id;
  uint16_t source_key = 0;
  uint16_t destination_key = 0;

  // None was given.
  bool empty() const { return protocol.empty() && source.empty() && destination.empty(); }
};

// Adds the flags to `app` under the heading `group`; it keeps references into `flags`.
void AddTupleFlags(CLI::App& app, const std::string& group, TupleFlags* flags);

// The key that the flags mean. InvalidArgument when one that the protocol needs is
// missing, or one means nothing.
absl::StatusOr<v1::ConnectionKey> KeyOf(const TupleFlags& flags);

// The same from a line in the words of conntrack(8):
//
//   tcp src=192.0.2.1 dst=192.0.2.2 sport=59930 dport=80 zone=1
//
// A whole line of `conntrack -L` will do: its first tuple counts, and what is not part
// of it is passed over. `zone` is that of lines without one.
absl::StatusOr<v1::ConnectionKey> ParseTuple(const std::string& line, uint32_t zone);

// The line that ParseTuple reads.
std::string TupleText(const v1::ConnectionKey& key);

}  // namespace conntrack::cli
