#include "client/cli/tuple_flags.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <limits>
#include <set>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/names.h"

namespace conntrack::cli {
namespace {

constexpr uint16_t kEchoRequest = 8;
constexpr uint16_t kEchoRequestV6 = 128;

absl::Status Missing(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("a tuple needs ", what));
}

// Decimal, or hexadecimal after 0x, as conntrack(8) prints keys.
template <typename Number>
absl::Status ReadNumber(absl::string_view name, absl::string_view text, Number* number) {
  uint32_t value = 0;
  const bool is_number = absl::StartsWith(text, "0x") ? absl::SimpleHexAtoi(text, &value)
                                                      : absl::SimpleAtoi(text, &value);
  if (!is_number || value > std::numeric_limits<Number>::max()) {
    return absl::InvalidArgumentError(absl::StrCat(name, " \"", text, "\" is not a number of 0 to ",
                                                   std::numeric_limits<Number>::max()));
  }
  *number = static_cast<Number>(value);
  return absl::OkStatus();
}

absl::Status ReadNumber(absl::string_view name, absl::string_view text,
                        std::optional<uint16_t>* number) {
  return ReadNumber(name, text, &number->emplace());
}

// What stands after "name=" in a line.
absl::Status ReadWord(absl::string_view name, absl::string_view value, TupleFlags* flags) {
  if (name == "src") flags->source = std::string(value);
  if (name == "dst") flags->destination = std::string(value);
  if (name == "sport") return ReadNumber(name, value, &flags->source_port);
  if (name == "dport") return ReadNumber(name, value, &flags->destination_port);
  if (name == "type") return ReadNumber(name, value, &flags->icmp_type);
  if (name == "code") return ReadNumber(name, value, &flags->icmp_code);
  if (name == "id") return ReadNumber(name, value, &flags->icmp_id);
  if (name == "srckey") return ReadNumber(name, value, &flags->source_key);
  if (name == "dstkey") return ReadNumber(name, value, &flags->destination_key);
  if (name == "zone") return ReadNumber(name, value, &flags->zone);
  return absl::OkStatus();
}

// Words of conntrack(8) that are no part of a tuple.
bool IsPassedOver(absl::string_view name) {
  static const auto* const names = new std::set<absl::string_view>{
      "packets", "bytes", "mark", "use", "labels", "secctx", "delta-time"};
  return names->contains(name);
}

// The protocol is the first word, but for "ipv4 2" of `-o extended` and events in
// brackets; one without a name is "unknown" and its number. Returns the words behind.
absl::StatusOr<std::vector<std::string>> ReadProtocol(const std::string& line, TupleFlags* flags) {
  std::vector<std::string> words =
      absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
  size_t at = 0;
  while (at < words.size() && absl::StartsWith(words[at], "[")) ++at;
  if (at + 1 < words.size() && (words[at] == "ipv4" || words[at] == "ipv6")) at += 2;
  if (at + 1 < words.size() && words[at] == "unknown") ++at;
  if (at == words.size()) return Missing("a protocol");
  flags->protocol = words[at];
  words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  return words;
}

}  // namespace

void AddTupleFlags(CLI::App& app, const std::string& group, TupleFlags* flags) {
  const auto add = [&](const char* name, auto& value, const char* help, const char* type) {
    app.add_option(name, value, help)->type_name(type)->group(group);
  };
  add("--zone", flags->zone, "The zone; 0", "N");
  add("-p,--protocol", flags->protocol, "tcp, udp, icmp, icmpv6, … or a number", "PROTOCOL");
  add("-s,--source", flags->source, "Source address", "ADDR");
  add("-d,--destination", flags->destination, "Destination address", "ADDR");
  add("--sport", flags->source_port, "Source port", "PORT");
  add("--dport", flags->destination_port, "Destination port", "PORT");
  add("--icmp-type", flags->icmp_type, "ICMP type; that of an echo request", "N");
  add("--icmp-code", flags->icmp_code, "ICMP code; 0", "N");
  add("--icmp-id", flags->icmp_id, "ICMP id", "N");
  add("--srckey", flags->source_key, "GRE key of the source; 0", "KEY");
  add("--dstkey", flags->destination_key, "GRE key (call id) of the destination; 0", "KEY");
}

absl::StatusOr<v1::ConnectionKey> KeyOf(const TupleFlags& flags) {
  if (flags.protocol.empty() || flags.source.empty() || flags.destination.empty()) {
    return Missing("protocol, source and destination");
  }
  const auto protocol = ParseProtocol(flags.protocol);
  if (!protocol.ok()) return protocol.status();
  v1::ConnectionKey key;
  key.set_zone(flags.zone);
  key.set_protocol(*protocol);
  v1::Tuple* tuple = key.mutable_tuple();
  tuple->set_source_address(flags.source);
  tuple->set_destination_address(flags.destination);
  switch (*protocol) {
    case v1::PROTOCOL_TCP:
    case v1::PROTOCOL_UDP:
    case v1::PROTOCOL_UDPLITE:
    case v1::PROTOCOL_SCTP:
      if (!flags.source_port.has_value() || !flags.destination_port.has_value()) {
        return Missing("both ports for this protocol");
      }
      tuple->mutable_ports()->set_source(*flags.source_port);
      tuple->mutable_ports()->set_destination(*flags.destination_port);
      break;
    case v1::PROTOCOL_ICMP:
    case v1::PROTOCOL_ICMPV6:
      if (!flags.icmp_id.has_value()) return Missing("an ICMP id for this protocol");
      tuple->mutable_icmp()->set_type(
          flags.icmp_type.value_or(*protocol == v1::PROTOCOL_ICMP ? kEchoRequest : kEchoRequestV6));
      tuple->mutable_icmp()->set_code(flags.icmp_code.value_or(0));
      tuple->mutable_icmp()->set_id(*flags.icmp_id);
      break;
    case v1::PROTOCOL_GRE:
      tuple->mutable_gre()->set_source(flags.source_key);
      tuple->mutable_gre()->set_destination(flags.destination_key);
      break;
    default:
      break;
  }
  return key;
}

absl::StatusOr<v1::ConnectionKey> ParseTuple(const std::string& line, uint32_t zone) {
  TupleFlags flags;
  flags.zone = zone;
  const auto words = ReadProtocol(line, &flags);
  if (!words.ok()) return words.status();
  std::set<std::string> seen;
  for (const std::string& word : *words) {
    const size_t equals = word.find('=');
    // States, timeouts and flags.
    if (equals == std::string::npos) continue;
    const std::string name = word.substr(0, equals);
    static const auto* const known = new std::set<std::string>{
        "src", "dst", "sport", "dport", "type", "code", "id", "srckey", "dstkey", "zone"};
    if (!known->contains(name)) {
      if (IsPassedOver(name)) continue;
      return absl::InvalidArgumentError(absl::StrCat("\"", word, "\" is no part of a tuple"));
    }
    // `-o id` has one too.
    if (name == "id" && !absl::StartsWith(flags.protocol, "icmp")) continue;
    // The second time it is of the other direction.
    if (!seen.insert(name).second) continue;
    const absl::Status status = ReadWord(name, word.substr(equals + 1), &flags);
    if (!status.ok()) return status;
  }
  return KeyOf(flags);
}

std::string TupleText(const v1::ConnectionKey& key) {
  const v1::Tuple& tuple = key.tuple();
  std::string text = absl::StrCat(ProtocolText(key.protocol()), " src=", tuple.source_address(),
                                  " dst=", tuple.destination_address());
  if (tuple.has_ports()) {
    absl::StrAppend(&text, " sport=", tuple.ports().source(),
                    " dport=", tuple.ports().destination());
  }
  if (tuple.has_icmp()) {
    absl::StrAppend(&text, " type=", tuple.icmp().type(), " code=", tuple.icmp().code(),
                    " id=", tuple.icmp().id());
  }
  if (tuple.has_gre()) {
    absl::StrAppend(&text, " srckey=", tuple.gre().source(), " dstkey=", tuple.gre().destination());
  }
  return absl::StrCat(text, " zone=", key.zone());
}

}  // namespace conntrack::cli
