#include <algorithm>
#include <span>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "tests/testing/packet_bytes.h"
#include "tests/testing/scenario.h"
#include "tests/testing/scenario_names.h"

namespace conntrack {
namespace {

// Where the expected part begins, when the packet is short enough.
constexpr size_t kExpectedColumn = 52;

std::string WhoText(Role source, Role destination) {
  if (source == Role::kClient && destination == Role::kServer) return ">";
  if (source == Role::kServer && destination == Role::kClient) return "<";
  return absl::StrCat(NameOf(source), ">", NameOf(destination));
}

std::string ProtocolText(uint8_t protocol) {
  switch (protocol) {
    case kProtocolTcp:
      return "tcp";
    case kProtocolUdp:
      return "udp";
    case kProtocolIcmp:
      return "icmp";
    case kProtocolIcmpv6:
      return "icmpv6";
    case kProtocolUdplite:
      return "udplite";
    case kProtocolSctp:
      return "sctp";
    case kProtocolGre:
      return "gre";
    default:
      return absl::StrCat("ip:", static_cast<int>(protocol));
  }
}

std::string FlagsText(uint8_t flags) {
  std::string text;
  // SYN, FIN, RST and PSH before the dot of ACK, as usual.
  for (const int bit : {1, 0, 2, 3, 4, 5, 6, 7}) {
    if ((flags >> bit & 1) != 0) text += kTcpFlagLetters[static_cast<size_t>(bit)];
  }
  return text.empty() ? "null" : text;
}

// One option at the front of `bytes`, and how long it is; 0 when it is none
// that has a name.
size_t NamedOption(std::span<const uint8_t> bytes, std::string* text) {
  if (bytes[0] == 0) return *text = "end", 1;
  if (bytes[0] == 1) return *text = "nop", 1;
  if (bytes.size() < 2 || bytes[1] < 2 || bytes[1] > bytes.size()) return 0;
  const size_t length = bytes[1];
  if (bytes[0] == 3 && length == 3) {
    *text = absl::StrCat("wscale:", static_cast<int>(bytes[2]));
    return length;
  }
  if (bytes[0] == 4 && length == 2) return *text = "sackok", length;
  if (bytes[0] == 8 && length == 10 && Read32(bytes.subspan(2)) == Read32(bytes.subspan(6))) {
    *text = absl::StrCat("ts:", Read32(bytes.subspan(2)));
    return length;
  }
  if (bytes[0] != 5 || length < 10 || length % 8 != 2) return 0;
  std::vector<std::string> blocks;
  for (size_t i = 2; i < length; i += 8) {
    blocks.push_back(absl::StrCat(Read32(bytes.subspan(i)), "-", Read32(bytes.subspan(i + 4))));
  }
  *text = absl::StrCat("sack:", absl::StrJoin(blocks, "+"));
  return length;
}

std::string OptionsText(std::span<const uint8_t> bytes) {
  std::vector<std::string> options;
  while (!bytes.empty()) {
    std::string text;
    const size_t length = NamedOption(bytes, &text);
    if (length == 0) {
      options.push_back(
          absl::StrCat("hex:", absl::BytesToHexString(absl::string_view(
                                   reinterpret_cast<const char*>(bytes.data()), bytes.size()))));
      break;
    }
    options.push_back(text);
    bytes = bytes.subspan(length);
  }
  return absl::StrJoin(options, ",");
}

std::string ChunksText(const std::vector<ChunkSpec>& chunks) {
  return absl::StrJoin(chunks, "+", [](std::string* text, const ChunkSpec& chunk) {
    if (chunk.type < kChunkNames.size()) {
      absl::StrAppend(text, kChunkNames[chunk.type]);
    } else {
      absl::StrAppend(text, int{chunk.type});
    }
    if (chunk.flags != 0) absl::StrAppend(text, ":", int{chunk.flags});
    if (chunk.length.has_value()) absl::StrAppend(text, "/", *chunk.length);
  });
}

// Each word after `separator`.
std::string GreText(const GreSpec& gre, char separator) {
  std::string text;
  const auto word = [&](const char* key, int value) {
    absl::StrAppend(&text, absl::string_view(&separator, 1), key, "=", value);
  };
  if (gre.version != 0) word("version", gre.version);
  if (gre.protocol.has_value()) word("carries", *gre.protocol);
  if (gre.call_id != 0) word("call", gre.call_id);
  return text;
}

std::string QuoteText(const QuoteSpec& quote) {
  std::string text = absl::StrCat(NameOf(quote.source), ">", NameOf(quote.destination), ":",
                                  ProtocolText(quote.protocol));
  absl::StrAppend(&text, GreText(quote.gre, ','));
  if (quote.connection != 0) absl::StrAppend(&text, ",conn=", quote.connection);
  if (quote.icmp_type != 0) absl::StrAppend(&text, ",type=", int{quote.icmp_type});
  if (quote.icmp_code != 0) absl::StrAppend(&text, ",code=", int{quote.icmp_code});
  if (quote.transport_bytes != 8) absl::StrAppend(&text, ",bytes=", int{quote.transport_bytes});
  if (quote.fragment) absl::StrAppend(&text, ",fragment");
  return text;
}

void AppendTcp(const PacketSpec& spec, std::string* text) {
  absl::StrAppend(text, " seq=", spec.sequence);
  if ((spec.tcp_flags & tcp_flag::kAck) != 0 || spec.acknowledgment != 0) {
    absl::StrAppend(text, " ack=", spec.acknowledgment);
  }
  absl::StrAppend(text, " win=", spec.window);
  if (!spec.tcp_options.empty()) absl::StrAppend(text, " opts=", OptionsText(spec.tcp_options));
}

std::string PacketText(const PacketSpec& spec) {
  std::string text = absl::StrCat(
      absl::StrFormat("%.3f", std::chrono::duration<double>(spec.time).count()), " ",
      WhoText(spec.source, spec.destination), " ",
      spec.protocol == kProtocolTcp ? FlagsText(spec.tcp_flags) : ProtocolText(spec.protocol));
  if (spec.protocol == kProtocolTcp) AppendTcp(spec, &text);
  if (spec.protocol == kProtocolSctp) {
    absl::StrAppend(&text, " tag=", spec.sequence);
    if (spec.acknowledgment != 0) absl::StrAppend(&text, " itag=", spec.acknowledgment);
    if (!spec.chunks.empty()) absl::StrAppend(&text, " chunks=", ChunksText(spec.chunks));
  }
  absl::StrAppend(&text, GreText(spec.gre, ' '));
  if (spec.protocol == kProtocolIcmp || spec.protocol == kProtocolIcmpv6) {
    absl::StrAppend(&text, " type=", int{spec.icmp_type}, " code=", int{spec.icmp_code});
  }
  if (spec.quote.has_value()) absl::StrAppend(&text, " quote=", QuoteText(*spec.quote));
  const auto number = [&](const char* key, uint32_t value, uint32_t usual) {
    if (value != usual) absl::StrAppend(&text, " ", key, "=", value);
  };
  number("len", spec.payload_length, 0);
  number("conn", spec.connection, 0);
  number("ttl", spec.hop_limit, 64);
  number("ext", spec.extension_units, 0);
  if (spec.bad_checksum) text += " bad_checksum";
  if (spec.no_checksum) text += " no_checksum";
  if (spec.transport_bytes) absl::StrAppend(&text, " transport_bytes=", *spec.transport_bytes);
  if (spec.data_offset) absl::StrAppend(&text, " data_offset=", int{*spec.data_offset});
  if (spec.udp_length) absl::StrAppend(&text, " udp_length=", *spec.udp_length);
  return text;
}

}  // namespace

std::string FormatStep(const PacketSpec& spec, const Fields& expected) {
  std::string text = PacketText(spec);
  text.resize(std::max(text.size(), kExpectedColumn), ' ');
  absl::StrAppend(&text, " : ", FieldOf(expected, "verdict"), " ", FieldOf(expected, "state"));
  for (const auto& [key, value] : expected) {
    if (key != "verdict" && key != "state") absl::StrAppend(&text, " ", key, "=", value);
  }
  return text;
}

std::string FormatHeader(Family family, const ZoneSettings& settings) {
  std::string text = family == Family::kIpv4 ? "family ipv4\n" : "family ipv6\n";
  const ZoneSettings usual;
  std::string changed;
  for (const SettingName& setting : SettingNames()) {
    const int64_t value = setting.get(settings);
    if (value == setting.get(usual)) continue;
    absl::StrAppend(
        &changed, " ", setting.name, "=",
        setting.is_duration ? absl::FormatDuration(absl::Nanoseconds(value)) : absl::StrCat(value));
  }
  if (!changed.empty()) absl::StrAppend(&text, "config", changed, "\n");
  return text;
}

}  // namespace conntrack
