#include "client/cli/conntrack/values.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <span>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "conntrack/v1/types.pb.h"

namespace conntrack::cli {
namespace {

using Name = std::pair<const char*, uint32_t>;

constexpr Name kStatusNames[] = {
    {"EXPECTED", kExpected},
    {"SEEN_REPLY", kSeenReply},
    {"ASSURED", kAssured},
    {"FIXED_TIMEOUT", kFixedTimeout},
    {"OFFLOAD", kOffload},
    {"HW_OFFLOAD", kHardwareOffload},
    // The address translation of a connection is asked for by --src-nat and --dst-nat.
    {"SRC_NAT", 0},
    {"DST_NAT", 0},
    {"UNSET", 0},
};
constexpr Name kOutputNames[] = {
    {"xml", kXml},
    {"extended", kExtended},
    {"timestamp", kTimestamp},
    {"id", kId},
    {"ktimestamp", kKtimestamp},
    {"labels", kLabels},
    {"userspace", kUserspace},
    {"save", kSave},
};
constexpr Name kEventNames[] = {{"ALL", kAllEvents},
                                {"NEW", kNewEvents},
                                {"UPDATES", kUpdateEvents},
                                {"DESTROY", kDestroyEvents}};

absl::Status BadParameter(const std::string& text) {
  return absl::InvalidArgumentError(absl::StrCat("Bad parameter `", text, "'"));
}

absl::StatusOr<uint32_t> ParseNames(const std::string& text, std::span<const Name> names) {
  uint32_t bits = 0;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    const auto found = std::find_if(names.begin(), names.end(), [&](const Name& name) {
      return !word.empty() && absl::StartsWithIgnoreCase(name.first, word);
    });
    if (found == names.end()) return BadParameter(text.substr(begin));
    bits |= found->second;
    begin = end + 1;
  }
  return bits;
}

}  // namespace

int IpAddress::size() const { return family == AF_INET6 ? 16 : 4; }

std::string IpAddress::Text() const {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(family, bytes.data(), text, sizeof text);
}

absl::StatusOr<IpAddress> ParseIpAddress(const std::string& text) {
  for (const int family : {AF_INET, AF_INET6}) {
    IpAddress address{family};
    if (inet_pton(family, text.c_str(), address.bytes.data()) == 1) return address;
  }
  return absl::InvalidArgumentError(absl::StrCat("Invalid IP address `", text, "'"));
}

absl::StatusOr<AddressAndMask> ParseNetwork(const std::string& text) {
  const size_t slash = text.find('/');
  auto address = ParseIpAddress(text.substr(0, slash));
  if (!address.ok()) return address.status();
  AddressAndMask network{*address, std::nullopt};
  if (slash == std::string::npos) return network;
  const auto length = ParseNumber(text.substr(slash + 1), address->size() * 8);
  if (!length.ok()) return absl::InvalidArgumentError("Invalid netmask");
  network.mask = IpAddress{address->family};
  for (uint64_t bit = 0; bit < *length; ++bit) network.mask->bytes[bit / 8] |= 0x80u >> bit % 8;
  return network;
}

std::optional<int> PrefixLength(const IpAddress& mask) {
  int length = 0;
  bool ended = false;
  for (int i = 0; i < mask.size(); ++i) {
    const int ones = std::countl_one(mask.bytes[i]);
    if (std::popcount(mask.bytes[i]) != ones || (ended && ones != 0)) return std::nullopt;
    length += ones;
    ended = ones < 8;
  }
  return length;
}

absl::StatusOr<MarkAndMask> ParseMarkAndMask(const std::string& text) {
  constexpr uint64_t kMax = std::numeric_limits<uint32_t>::max();
  const size_t slash = text.find('/');
  const auto value = ParseNumber(text.substr(0, slash), kMax);
  if (!value.ok()) return BadParameter(text);
  MarkAndMask mark;
  mark.value = *value;
  if (slash == std::string::npos) return mark;
  const auto mask = ParseNumber(text.substr(slash + 1), kMax);
  if (!mask.ok()) return BadParameter(text);
  mark.mask = *mask;
  return mark;
}

absl::StatusOr<uint64_t> ParseNumber(const std::string& text, uint64_t max) {
  if (text.empty() || !absl::ascii_isdigit(text[0])) return BadParameter(text);
  char* end = nullptr;
  errno = 0;
  const uint64_t number = std::strtoull(text.c_str(), &end, 0);
  if (*end != '\0' || errno != 0 || number > max) return BadParameter(text);
  return number;
}

absl::StatusOr<uint8_t> ParseProtocolNumber(const std::string& text) {
  // One thread reads options.
  if (const protoent* entry = getprotobyname(absl::AsciiStrToLower(text).c_str())) {
    return static_cast<uint8_t>(entry->p_proto);
  }
  v1::Protocol protocol = v1::PROTOCOL_UNSPECIFIED;
  if (v1::Protocol_Parse(absl::StrCat("PROTOCOL_", absl::AsciiStrToUpper(text)), &protocol) &&
      protocol != v1::PROTOCOL_UNSPECIFIED) {
    return static_cast<uint8_t>(protocol);
  }
  const auto number = ParseNumber(text, 255);
  if (number.ok()) return static_cast<uint8_t>(*number);
  return absl::InvalidArgumentError(absl::StrCat("`", text, "' unsupported protocol"));
}

absl::StatusOr<int> ParseFamily(const std::string& text) {
  if (text == "ipv4") return AF_INET;
  if (text == "ipv6") return AF_INET6;
  return absl::InvalidArgumentError(absl::StrCat("`", text, "' unsupported protocol"));
}

absl::StatusOr<uint32_t> ParseStatus(const std::string& text) {
  return ParseNames(text, kStatusNames);
}

absl::StatusOr<uint32_t> ParseOutput(const std::string& text) {
  return ParseNames(text, kOutputNames);
}

absl::StatusOr<uint32_t> ParseEvents(const std::string& text) {
  return ParseNames(text, kEventNames);
}

std::string StatusText(uint32_t status) {
  std::string text;
  for (const auto& [name, bit] : kStatusNames) {
    if ((status & bit) != 0) absl::StrAppend(&text, text.empty() ? "" : ",", name);
  }
  return text.empty() ? "UNSET" : text;
}

absl::StatusOr<std::string> ParseStateOf(uint8_t protocol, const std::string& text) {
  const std::string none = "NONE";
  if (text == none) return none;
  switch (protocol) {
    case v1::PROTOCOL_TCP: {
      // What was LISTEN became SYN_SENT2.
      const std::string name = text == "LISTEN" ? "SYN_SENT2" : text;
      v1::TcpState state = v1::TCP_STATE_UNSPECIFIED;
      if (v1::TcpState_Parse("TCP_STATE_" + name, &state) && state != 0) return name;
      return absl::InvalidArgumentError(absl::StrCat("unknown TCP state `", text, "'"));
    }
    case v1::PROTOCOL_SCTP: {
      v1::SctpState state = v1::SCTP_STATE_UNSPECIFIED;
      if (v1::SctpState_Parse("SCTP_STATE_" + text, &state) && state != 0) return text;
      return absl::InvalidArgumentError(absl::StrCat("unknown SCTP state `", text, "'"));
    }
    default:
      // DCCP is tracked without a state, here as in Linux today.
      for (const char* state : {"REQUEST", "RESPOND", "PARTOPEN", "OPEN", "CLOSEREQ", "CLOSING",
                                "TIMEWAIT", "IGNORE", "INVALID"}) {
        if (text == state) return none;
      }
      return absl::InvalidArgumentError(absl::StrCat("unknown DCCP state `", text, "'"));
  }
}

}  // namespace conntrack::cli
