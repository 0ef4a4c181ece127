// The names that people type and read, for the enums of the API.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "conntrack/v1/admin_service.pb.h"
#include "conntrack/v1/types.pb.h"
#include "conntrack/v1/watch_service.pb.h"

namespace conntrack::cli {

// "tcp", "icmpv6"…; the number when it has no name here.
std::string ProtocolText(v1::Protocol protocol);

// A name in any case, or a number of 0 to 255.
absl::StatusOr<v1::Protocol> ParseProtocol(const std::string& text);

// "SYN_SENT"…; empty when it is neither TCP nor SCTP.
std::string StateText(const v1::Connection& connection);

// The name of a state of TCP or SCTP in capitals, from one in any case.
absl::StatusOr<std::string> ParseState(const std::string& text);

// All protocols that have a name, all states, and all types of events, as they are
// typed: for completion.
std::vector<std::string> ProtocolNames();
std::vector<std::string> StateNames();
std::vector<std::string> EventTypeNames();

// "server" or "packet".
std::string ClockText(v1::Clock clock);

// In small letters without the prefix: "tcp_flags".
std::string ReasonText(v1::InvalidReason reason);

// "ESTABLISHED", "INVALID"…
std::string VerdictText(v1::Verdict verdict);

// "ORIGINAL" or "REPLY".
std::string DirectionText(v1::Direction direction);

// "NEW", "UPDATE", "DESTROY", "LEFT".
std::string EventTypeText(v1::EventType type);
// From one in any case.
absl::StatusOr<v1::EventType> ParseEventType(const std::string& text);

}  // namespace conntrack::cli
