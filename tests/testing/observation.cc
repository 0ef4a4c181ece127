#include "tests/testing/observation.h"

#include <cstdlib>
#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/tracker/tuple.h"

namespace conntrack {
namespace {

constexpr std::array<const char*, kRoles> kRoleNames = {"client", "server", "router", "other"};
// Netfilter's status bits, from bit 0.
constexpr std::array<const char*, 16> kStatusNames = {
    "expected", "seen_reply", "assured",  "confirmed", "src_nat", "dst_nat",
    "seq_adj",  "src_done",   "dst_done", "dying",     "fixed",   "template",
    "clash",    "helper",     "offload",  "hw_offload"};

std::string StatusText(uint16_t status) {
  std::vector<const char*> names;
  for (size_t bit = 0; bit < kStatusNames.size(); ++bit) {
    if ((status >> bit & 1) != 0 && 1u << bit != status_bit::kConfirmed) {
      names.push_back(kStatusNames[bit]);
    }
  }
  return names.empty() ? "-" : absl::StrJoin(names, "+");
}

std::string RoleText(const SeenTuple& tuple, const Endpoints& endpoints) {
  for (size_t role = 0; role < kRoles; ++role) {
    if (endpoints.address[role] != tuple.source) continue;
    return kRoleNames[role];
  }
  return "stranger";
}

std::string StateText(const SeenConnection& connection) {
  if (connection.state.has_value()) return *connection.state;
  if ((connection.status & status_bit::kAssured) != 0) return "assured";
  return (connection.status & status_bit::kSeenReply) != 0 ? "replied" : "unreplied";
}

std::string ScalesText(const SeenWindows& windows) {
  return absl::StrCat(static_cast<int>(windows.scale[0]), "/", static_cast<int>(windows.scale[1]));
}
std::string FlagsText(const SeenWindows& windows) {
  return absl::StrCat("0x", absl::Hex(windows.flags[0], absl::kZeroPad2), "/0x",
                      absl::Hex(windows.flags[1], absl::kZeroPad2));
}
std::string TagsText(const std::array<uint32_t, 2>& tags) {
  return absl::StrCat(tags[0], "/", tags[1]);
}
std::string PacketsText(const std::array<Counters, 2>& counters) {
  return absl::StrCat(counters[0].packets, "/", counters[1].packets);
}
std::string BytesText(const std::array<Counters, 2>& counters) {
  return absl::StrCat(counters[0].bytes, "/", counters[1].bytes);
}

std::string EventText(const SeenEvent& event, const TupleName& name) {
  static constexpr std::array<const char*, 4> kTypes = {"?", "new", "update", "destroy"};
  const SeenConnection& connection = event.connection;
  std::string text = absl::StrCat(kTypes[static_cast<size_t>(event.type)], "{",
                                  StatusText(connection.status), ",", name(connection.original));
  if (connection.state.has_value()) absl::StrAppend(&text, ",", *connection.state);
  if (connection.windows.has_value()) {
    absl::StrAppend(&text, ",", ScalesText(*connection.windows), ",",
                    FlagsText(*connection.windows));
  }
  if (connection.tags.has_value()) absl::StrAppend(&text, ",", TagsText(*connection.tags));
  if (connection.counters.has_value()) {
    absl::StrAppend(&text, ",", PacketsText(*connection.counters), ",",
                    BytesText(*connection.counters));
  }
  absl::StrAppend(&text, "}");
  return text;
}

bool SecondsMatch(const std::string& expected, const std::string& actual, int64_t tolerance) {
  const std::vector<std::string> want = absl::StrSplit(expected, ';');
  const std::vector<std::string> got = absl::StrSplit(actual, ';');
  if (want.size() != got.size()) return false;
  for (size_t i = 0; i < want.size(); ++i) {
    int64_t a = 0;
    int64_t b = 0;
    const bool numbers = absl::SimpleAtoi(want[i], &a) && absl::SimpleAtoi(got[i], &b);
    if (numbers ? std::llabs(a - b) > tolerance : want[i] != got[i]) return false;
  }
  return true;
}

bool EventsMatch(const std::string& expected, const std::string& actual) {
  const std::vector<std::string> want = absl::StrSplit(expected, ';');
  const std::vector<std::string> got = absl::StrSplit(actual, ';');
  if (want.size() != got.size()) return false;
  for (size_t i = 0; i < want.size(); ++i) {
    const bool whole = want[i].find('{') != std::string::npos;
    if (want[i] != (whole ? got[i] : got[i].substr(0, got[i].find('{')))) return false;
  }
  return true;
}

}  // namespace

std::optional<SeenTuple> TupleOf(const PacketSpec& spec, const Endpoints& endpoints) {
  SeenTuple tuple;
  Role source = spec.source;
  Role destination = spec.destination;
  tuple.family = endpoints.family;
  tuple.protocol = spec.protocol;
  tuple.ports = PortsWordOf(endpoints, spec);
  if (spec.quote.has_value()) {
    source = spec.quote->source;
    destination = spec.quote->destination;
    tuple.protocol = spec.quote->protocol;
    tuple.ports = PortsWordOf(endpoints, *spec.quote);
  }
  tuple.source = endpoints.address[static_cast<size_t>(source)];
  tuple.destination = endpoints.address[static_cast<size_t>(destination)];
  if (IsIcmpOf(endpoints.family, tuple.protocol) &&
      !InverseIcmpType(endpoints.family, IcmpType(tuple.ports)).has_value()) {
    return std::nullopt;
  }
  return tuple;
}

std::optional<SeenTuple> TupleOf(const Packet& packet) {
  SeenTuple tuple{packet.protocol, packet.source, packet.destination, packet.ports, packet.family};
  if (packet.quote != nullptr) {
    tuple.protocol = packet.quote->protocol;
    tuple.source = packet.quote->source;
    tuple.destination = packet.quote->destination;
    tuple.ports = packet.quote->ports;
  }
  if (IsIcmpOf(tuple.family, tuple.protocol) &&
      !InverseIcmpType(tuple.family, IcmpType(tuple.ports)).has_value()) {
    return std::nullopt;
  }
  return tuple;
}

Fields Describe(const Observation& observation, const Endpoints& endpoints) {
  return Describe(observation, [&](const SeenTuple& tuple) { return RoleText(tuple, endpoints); });
}

Fields Describe(const Observation& observation, const TupleName& name) {
  Fields fields;
  const auto add = [&](const char* key, std::string value) {
    fields.emplace_back(key, std::move(value));
  };
  if (!observation.verdict.has_value()) {
    add("verdict", "dropped");
  } else {
    const Verdict& verdict = *observation.verdict;
    add("verdict", NameOf(verdict.kind));
    if (verdict.kind <= VerdictKind::kRelated) {
      add("direction", verdict.direction == Direction::kOriginal ? "original" : "reply");
    }
    if (verdict.reason != InvalidReason::kNone) add("reason", NameOf(verdict.reason));
  }
  if (!observation.connection.has_value()) {
    add("state", "none");
  } else {
    const SeenConnection& connection = *observation.connection;
    add("state", StateText(connection));
    add("status", StatusText(connection.status));
    if (connection.timeout.has_value()) add("timeout", absl::StrCat(*connection.timeout));
    add("from", name(connection.original));
    if (connection.windows.has_value()) {
      add("scale", ScalesText(*connection.windows));
      add("flags", FlagsText(*connection.windows));
    }
    if (connection.tags.has_value()) add("tags", TagsText(*connection.tags));
    if (connection.counters.has_value()) {
      add("packets", PacketsText(*connection.counters));
      add("bytes", BytesText(*connection.counters));
    }
  }
  std::vector<std::string> events;
  std::vector<std::string> left;
  for (const SeenEvent& event : observation.events) {
    events.push_back(EventText(event, name));
    if (event.connection.timeout.has_value()) {
      left.push_back(absl::StrCat(*event.connection.timeout));
    }
  }
  add("events", events.empty() ? "-" : absl::StrJoin(events, ";"));
  if (!left.empty()) add("left", absl::StrJoin(left, ";"));
  return fields;
}

std::string Difference(const Fields& expected, const Fields& actual, int64_t tolerance) {
  std::string text;
  for (const auto& [key, want] : expected) {
    const std::string got = FieldOf(actual, key);
    const bool seconds = key == "timeout" || key == "left";
    const bool equal = seconds           ? SecondsMatch(want, got, tolerance)
                       : key == "events" ? EventsMatch(want, got)
                                         : want == got;
    if (!equal) absl::StrAppend(&text, key, " is ", got, ", expected ", want, ". ");
  }
  return text;
}

std::string FieldOf(const Fields& fields, const std::string& key) {
  for (const auto& [name, value] : fields) {
    if (name == key) return value;
  }
  return "";
}

const char* NameOf(Role role) { return kRoleNames[static_cast<size_t>(role)]; }

}  // namespace conntrack
