#include "client/cli/conntrack/option_table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "conntrack/v1/types.pb.h"

namespace conntrack::cli {
namespace {

// The commands that work on connections.
constexpr char kAllOf[] = "LGDIAUE";
constexpr char kNone[] = "";

const std::vector<uint8_t>& WithPorts() {
  static const auto* const protocols =
      new std::vector<uint8_t>{v1::PROTOCOL_TCP, v1::PROTOCOL_UDP, v1::PROTOCOL_UDPLITE,
                               v1::PROTOCOL_SCTP, v1::PROTOCOL_DCCP};
  return *protocols;
}

std::vector<OptionRow> CommonRows() {
  const int no = no_argument, yes = required_argument, may = optional_argument;
  return {
      {Option::kSource, 's', {"src", "orig-src"}, yes, kAllOf, kNone, {}},
      {Option::kDestination, 'd', {"dst", "orig-dst"}, yes, kAllOf, kNone, {}},
      {Option::kReplySource, 'r', {"reply-src"}, yes, kAllOf, kNone, {}},
      {Option::kReplyDestination, 'q', {"reply-dst"}, yes, kAllOf, kNone, {}},
      {Option::kProtocol, 'p', {"protonum", "proto"}, yes, "LGDIAUEh", "GIA", {}},
      {Option::kTimeout, 't', {"timeout"}, yes, "DIAU", "IA", {}},
      {Option::kStatus, 'u', {"status"}, yes, "LDIAU", kNone, {}},
      {Option::kZero, 'z', {"zero"}, no, "L", kNone, {}},
      {Option::kEventMask, 'e', {"event-mask"}, yes, "E", kNone, {}},
      {Option::kTupleSource, 0, {"tuple-src"}, yes, kNone, kNone, {}},
      {Option::kTupleDestination, 0, {"tuple-dst"}, yes, kNone, kNone, {}},
      {Option::kSourceMask, 0, {"mask-src"}, yes, "LDUE", kNone, {}},
      {Option::kDestinationMask, 0, {"mask-dst"}, yes, "LDUE", kNone, {}},
      {Option::kSourceNat, 'n', {"src-nat"}, may, "LDIAUE", kNone, {}},
      {Option::kDestinationNat, 'g', {"dst-nat"}, may, "LDIAUE", kNone, {}},
      {Option::kAnyNat, 'j', {"any-nat"}, may, "LE", kNone, {}},
      {Option::kOutput, 'o', {"output"}, yes, "LGDUE", kNone, {}},
      {Option::kMark, 'm', {"mark"}, yes, "LDIAUE", kNone, {}},
      {Option::kId, 'i', {"id"}, yes, "GDU", kNone, {}},
      {Option::kFamily, 'f', {"family"}, yes, "LDUEF", kNone, {}},
      {Option::kBufferSize, 'b', {"buffer-size"}, yes, "E", kNone, {}},
      {Option::kSecurityMark, 'c', {"secmark"}, yes, "LE", kNone, {}},
      // -G and -U of conntrack(8) know zone 0 alone.
      {Option::kZone, 'w', {"zone"}, yes, kAllOf, kNone, {}},
      {Option::kLabel, 'l', {"label"}, yes, "LGDUE", kNone, {}},
      {Option::kLabelAdd, 0, {"label-add"}, yes, "IAU", kNone, {}},
      {Option::kLabelDelete, 0, {"label-del"}, may, "U", kNone, {}},
      {Option::kOriginalZone, 0, {"orig-zone"}, yes, "LDIAE", kNone, {}},
      {Option::kReplyZone, 0, {"reply-zone"}, yes, "LDIAE", kNone, {}},
  };
}

std::vector<OptionRow> ProtocolRows() {
  const int yes = required_argument;
  const std::vector<uint8_t> stateful = {v1::PROTOCOL_TCP, v1::PROTOCOL_SCTP, v1::PROTOCOL_DCCP};
  const std::vector<uint8_t> sctp = {v1::PROTOCOL_SCTP};
  const std::vector<uint8_t> dccp = {v1::PROTOCOL_DCCP};
  const std::vector<uint8_t> gre = {v1::PROTOCOL_GRE};
  const std::vector<uint8_t> icmp = {v1::PROTOCOL_ICMP};
  const std::vector<uint8_t> icmpv6 = {v1::PROTOCOL_ICMPV6};
  const auto& ports = WithPorts();
  return {
      {Option::kState, 0, {"state"}, yes, kAllOf, "IA", stateful},
      {Option::kSourcePort, 0, {"sport", "orig-port-src"}, yes, kAllOf, kNone, ports},
      {Option::kDestinationPort, 0, {"dport", "orig-port-dst"}, yes, kAllOf, kNone, ports},
      {Option::kReplySourcePort, 0, {"reply-port-src"}, yes, kAllOf, kNone, ports},
      {Option::kReplyDestinationPort, 0, {"reply-port-dst"}, yes, kAllOf, kNone, ports},
      {Option::kTupleSourcePort, 0, {"tuple-port-src"}, yes, kNone, kNone, ports},
      {Option::kTupleDestinationPort, 0, {"tuple-port-dst"}, yes, kNone, kNone, ports},
      {Option::kMaskSourcePort, 0, {"mask-port-src"}, yes, kNone, kNone, ports},
      {Option::kMaskDestinationPort, 0, {"mask-port-dst"}, yes, kNone, kNone, ports},
      {Option::kIcmpType, 0, {"icmp-type"}, yes, kAllOf, "GIA", icmp},
      {Option::kIcmpCode, 0, {"icmp-code"}, yes, kAllOf, "GIA", icmp},
      {Option::kIcmpId, 0, {"icmp-id"}, yes, kAllOf, kNone, icmp},
      {Option::kIcmpType, 0, {"icmpv6-type"}, yes, kAllOf, "GIA", icmpv6},
      {Option::kIcmpCode, 0, {"icmpv6-code"}, yes, kAllOf, "GIA", icmpv6},
      {Option::kIcmpId, 0, {"icmpv6-id"}, yes, kAllOf, kNone, icmpv6},
      {Option::kOriginalTag, 0, {"orig-vtag"}, yes, "GIAU", "IA", sctp},
      {Option::kReplyTag, 0, {"reply-vtag"}, yes, "GIAU", "IA", sctp},
      {Option::kRole, 0, {"role"}, yes, "IA", "IA", dccp},
      {Option::kSourceKey, 0, {"srckey", "orig-key-src"}, yes, kAllOf, kNone, gre},
      {Option::kDestinationKey, 0, {"dstkey", "orig-key-dst"}, yes, kAllOf, kNone, gre},
      {Option::kReplySourceKey, 0, {"reply-key-src"}, yes, kAllOf, kNone, gre},
      {Option::kReplyDestinationKey, 0, {"reply-key-dst"}, yes, kAllOf, kNone, gre},
      {Option::kTupleSourceKey, 0, {"tuple-key-src"}, yes, kNone, kNone, gre},
      {Option::kTupleDestinationKey, 0, {"tuple-key-dst"}, yes, kNone, kNone, gre},
      {Option::kMaskSourceKey, 0, {"mask-key-src"}, yes, kNone, kNone, gre},
      {Option::kMaskDestinationKey, 0, {"mask-key-dst"}, yes, kNone, kNone, gre},
  };
}

constexpr CommandRow kCommands[] = {
    {Command::kList, 'L', "dump"},       {Command::kGet, 'G', "get"},
    {Command::kDelete, 'D', "delete"},   {Command::kCreate, 'I', "create"},
    {Command::kAdd, 'A', "add"},         {Command::kUpdate, 'U', "update"},
    {Command::kEvents, 'E', "event"},    {Command::kFlush, 'F', "flush"},
    {Command::kCount, 'C', "count"},     {Command::kStats, 'S', "stats"},
    {Command::kVersion, 'V', "version"}, {Command::kHelp, 'h', "help"},
};

}  // namespace

std::span<const OptionRow> OptionRows() {
  static const auto* const rows = [] {
    auto* all = new std::vector<OptionRow>(CommonRows());
    for (auto& row : ProtocolRows()) all->push_back(std::move(row));
    return all;
  }();
  return *rows;
}

std::span<const CommandRow> CommandRows() { return kCommands; }

std::string LetterText() {
  std::string text = ":";
  for (const CommandRow& row : kCommands) absl::StrAppend(&text, std::string(1, row.letter), "::");
  for (const OptionRow& row : OptionRows()) {
    if (row.letter == 0) continue;
    absl::StrAppend(&text, std::string(1, row.letter),
                    row.argument == required_argument   ? ":"
                    : row.argument == optional_argument ? "::"
                                                        : "");
  }
  return text;
}

std::vector<option> LongOptions(int protocol) {
  std::vector<option> options;
  for (const CommandRow& row : kCommands) {
    options.push_back({row.name, optional_argument, nullptr, row.letter});
  }
  for (const OptionRow& row : OptionRows()) {
    const auto& of = row.protocols;
    if (!of.empty() && std::find(of.begin(), of.end(), protocol) == of.end()) continue;
    for (const char* name : row.names) {
      if (name == nullptr) continue;
      options.push_back(
          {name, row.argument, nullptr, kOptionValues + static_cast<int>(row.option)});
    }
  }
  options.push_back({nullptr, 0, nullptr, 0});
  return options;
}

}  // namespace conntrack::cli
