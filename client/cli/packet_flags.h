// A packet described by flags, as a sensor would tell of it.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/tuple_flags.h"
#include "conntrack/v1/packet_batch.pb.h"

namespace conntrack::cli {

// As they were typed; empty or absent means not given.
struct PacketFlags {
  TupleFlags tuple;
  uint32_t payload_bytes = 0;
  bool bad_checksum = false;
  bool hop_limit_255 = false;
  std::string time;
  // TCP.
  std::vector<std::string> tcp_flags;
  uint32_t sequence = 0;
  uint32_t acknowledgment = 0;
  uint16_t window = 65'535;
  std::optional<uint32_t> window_scale;
  bool sack_permitted = false;
  // SCTP.
  std::vector<std::string> chunks;
  uint32_t verification_tag = 0;
  uint32_t initiate_tag = 0;
  // ICMP errors: the tuple of the packet that they quote, as a line.
  std::string quote;
};

// Adds the flags to `app`; it keeps references into `flags`.
void AddPacketFlags(CLI::App& app, PacketFlags* flags);

// A batch of that one packet. InvalidArgument, naming the flag, when one is missing,
// means nothing, or is of another protocol.
absl::StatusOr<v1::PacketBatch> PacketOf(const PacketFlags& flags);

}  // namespace conntrack::cli
