// How scenarios name TCP flags and the types of SCTP chunks.
#pragma once

#include <array>
#include <cstddef>

#include "absl/strings/string_view.h"

namespace conntrack {

// By bit, FIN first.
inline constexpr absl::string_view kTcpFlagLetters = "FSRP.UEC";

// By type; empty where none is assigned (RFC 9260 3.2).
inline constexpr std::array<const char*, 15> kChunkNames = {
    "data",          "init",       "init_ack", "sack",         "heartbeat",
    "heartbeat_ack", "abort",      "shutdown", "shutdown_ack", "error",
    "cookie_echo",   "cookie_ack", "ecne",     "cwr",          "shutdown_complete"};

}  // namespace conntrack
