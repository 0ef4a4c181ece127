// What the server decided about one packet, from a byte of BatchVerdicts.
//
// Pure; thread-safe.
#pragma once

#include <cstdint>

#include "conntrack/v1/types.pb.h"

namespace conntrack::client {

struct PacketVerdict {
  v1::Verdict verdict = v1::VERDICT_UNSPECIFIED;
  // Of a packet that is NEW, ESTABLISHED or RELATED; else unspecified.
  v1::Direction direction = v1::DIRECTION_UNSPECIFIED;
  // Of a packet that is INVALID; else unspecified.
  v1::InvalidReason reason = v1::INVALID_REASON_UNSPECIFIED;

  // `byte` as BatchVerdicts in ingest_service.proto defines it. Values that a newer
  // server may know are kept as numbers.
  static PacketVerdict Decode(uint8_t byte) {
    PacketVerdict decoded;
    decoded.verdict = static_cast<v1::Verdict>(byte & 7);
    const int detail = byte >> 3;
    if (decoded.verdict == v1::VERDICT_INVALID) {
      decoded.reason = static_cast<v1::InvalidReason>(detail);
    } else {
      decoded.direction = static_cast<v1::Direction>(detail);
    }
    return decoded;
  }

  friend bool operator==(const PacketVerdict&, const PacketVerdict&) = default;
};

}  // namespace conntrack::client
