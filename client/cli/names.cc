#include "client/cli/names.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace conntrack::cli {
namespace {

// The name of an enum's value without its prefix; the number of an unknown one.
std::string Stripped(const std::string& name, const char* prefix, int value) {
  if (name.empty()) return absl::StrCat(value);
  return std::string(absl::StripPrefix(name, prefix));
}

}  // namespace

std::string ProtocolText(v1::Protocol protocol) {
  // Number 0 is a protocol, though one without a connection in practice.
  if (protocol == v1::PROTOCOL_UNSPECIFIED) return "0";
  return absl::AsciiStrToLower(Stripped(v1::Protocol_Name(protocol), "PROTOCOL_", protocol));
}

absl::StatusOr<v1::Protocol> ParseProtocol(const std::string& text) {
  v1::Protocol protocol = v1::PROTOCOL_UNSPECIFIED;
  if (v1::Protocol_Parse(absl::StrCat("PROTOCOL_", absl::AsciiStrToUpper(text)), &protocol) &&
      protocol != v1::PROTOCOL_UNSPECIFIED) {
    return protocol;
  }
  int number = 0;
  if (absl::SimpleAtoi(text, &number) && number >= 0 && number <= 255) {
    return static_cast<v1::Protocol>(number);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("protocol \"", text,
                   "\" is neither tcp, udp, icmp, icmpv6, udplite, sctp, dccp, gre, esp, ah nor "
                   "a number of 0 to 255"));
}

std::string StateText(const v1::Connection& connection) {
  if (connection.has_tcp()) {
    const v1::TcpState state = connection.tcp().state();
    return Stripped(v1::TcpState_Name(state), "TCP_STATE_", state);
  }
  if (connection.has_sctp()) {
    const v1::SctpState state = connection.sctp().state();
    return Stripped(v1::SctpState_Name(state), "SCTP_STATE_", state);
  }
  return "";
}

absl::StatusOr<std::string> ParseState(const std::string& text) {
  const std::string name = absl::AsciiStrToUpper(text);
  v1::TcpState tcp = v1::TCP_STATE_UNSPECIFIED;
  v1::SctpState sctp = v1::SCTP_STATE_UNSPECIFIED;
  v1::TcpState_Parse(absl::StrCat("TCP_STATE_", name), &tcp);
  v1::SctpState_Parse(absl::StrCat("SCTP_STATE_", name), &sctp);
  if (tcp != v1::TCP_STATE_UNSPECIFIED || sctp != v1::SCTP_STATE_UNSPECIFIED) return name;
  return absl::InvalidArgumentError(
      absl::StrCat("state \"", text,
                   "\" is none of SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, "
                   "TIME_WAIT, CLOSE, SYN_SENT2, and of SCTP CLOSED, COOKIE_WAIT, COOKIE_ECHOED, "
                   "ESTABLISHED, SHUTDOWN_SENT, SHUTDOWN_RECD, SHUTDOWN_ACK_SENT, HEARTBEAT_SENT"));
}

std::vector<std::string> ProtocolNames() {
  std::vector<std::string> names;
  for (int number = 1; number <= 255; ++number) {
    if (!v1::Protocol_IsValid(number)) continue;
    names.push_back(ProtocolText(static_cast<v1::Protocol>(number)));
  }
  return names;
}

std::vector<std::string> StateNames() {
  std::vector<std::string> names;
  for (int state = v1::TcpState_MIN + 1; state <= v1::TcpState_MAX; ++state) {
    names.push_back(Stripped(v1::TcpState_Name(state), "TCP_STATE_", state));
  }
  for (int state = v1::SctpState_MIN + 1; state <= v1::SctpState_MAX; ++state) {
    const std::string name = Stripped(v1::SctpState_Name(state), "SCTP_STATE_", state);
    // One of both.
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

std::string ClockText(v1::Clock clock) {
  return absl::AsciiStrToLower(Stripped(v1::Clock_Name(clock), "CLOCK_", clock));
}

std::string ReasonText(v1::InvalidReason reason) {
  return absl::AsciiStrToLower(Stripped(v1::InvalidReason_Name(reason), "INVALID_REASON_", reason));
}

std::string VerdictText(v1::Verdict verdict) {
  return Stripped(v1::Verdict_Name(verdict), "VERDICT_", verdict);
}

std::string DirectionText(v1::Direction direction) {
  return Stripped(v1::Direction_Name(direction), "DIRECTION_", direction);
}

std::string EventTypeText(v1::EventType type) {
  return Stripped(v1::EventType_Name(type), "EVENT_TYPE_", type);
}

std::vector<std::string> EventTypeNames() { return {"new", "update", "destroy", "left"}; }

absl::StatusOr<v1::EventType> ParseEventType(const std::string& text) {
  v1::EventType type = v1::EVENT_TYPE_UNSPECIFIED;
  const std::string name = absl::StrCat("EVENT_TYPE_", absl::AsciiStrToUpper(text));
  if (v1::EventType_Parse(name, &type) && type != v1::EVENT_TYPE_UNSPECIFIED) return type;
  return absl::InvalidArgumentError(absl::StrCat("there is no event \"", text, "\"; there are ",
                                                 absl::StrJoin(EventTypeNames(), ", ")));
}

}  // namespace conntrack::cli
