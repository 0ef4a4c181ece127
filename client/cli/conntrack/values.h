// The values of conntrack(8)'s options. InvalidArgument for what is not
// understood, with conntrack(8)'s message where it has one. It takes what is no
// number for 0, and cuts what is too large; these do not.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace conntrack::cli {

// An address of either family.
struct IpAddress {
  // AF_INET or AF_INET6.
  int family = 0;
  // In network byte order; the first 4 for AF_INET.
  std::array<uint8_t, 16> bytes{};

  int size() const;
  std::string Text() const;
};

absl::StatusOr<IpAddress> ParseIpAddress(const std::string& text);

struct AddressAndMask {
  IpAddress address;
  // Absent: no "/LENGTH" was given.
  std::optional<IpAddress> mask;
};

// An address, or a network with its prefix length.
absl::StatusOr<AddressAndMask> ParseNetwork(const std::string& text);

// How many leading bits are set, when no others are; else absent.
std::optional<int> PrefixLength(const IpAddress& mask);

struct MarkAndMask {
  uint32_t value = 0;
  uint32_t mask = std::numeric_limits<uint32_t>::max();
};

// "VALUE" or "VALUE/MASK".
absl::StatusOr<MarkAndMask> ParseMarkAndMask(const std::string& text);

// Decimal, hexadecimal with 0x or octal with 0, up to `max`.
absl::StatusOr<uint64_t> ParseNumber(const std::string& text, uint64_t max);

// A name of /etc/protocols, or a number of 0 to 255.
absl::StatusOr<uint8_t> ParseProtocolNumber(const std::string& text);

// AF_INET for "ipv4", AF_INET6 for "ipv6".
absl::StatusOr<int> ParseFamily(const std::string& text);

// Netfilter's status bits.
enum StatusBit : uint32_t {
  kExpected = 1u << 0,
  kSeenReply = 1u << 1,
  kAssured = 1u << 2,
  kFixedTimeout = 1u << 10,
  kOffload = 1u << 14,
  kHardwareOffload = 1u << 15,
};

// What -o asks for.
enum OutputKind : uint32_t {
  kXml = 1u << 0,
  kExtended = 1u << 1,
  kTimestamp = 1u << 2,
  kId = 1u << 3,
  kKtimestamp = 1u << 4,
  kLabels = 1u << 5,
  kUserspace = 1u << 6,
  kSave = 1u << 7,
};

// What -e asks for.
enum EventKind : uint32_t {
  kNewEvents = 1u << 0,
  kUpdateEvents = 1u << 1,
  kDestroyEvents = 1u << 2,
  kAllEvents = kNewEvents | kUpdateEvents | kDestroyEvents,
};

// Lists of names with commas, capitals or not; the beginning of a name will do.
absl::StatusOr<uint32_t> ParseStatus(const std::string& text);
absl::StatusOr<uint32_t> ParseOutput(const std::string& text);
absl::StatusOr<uint32_t> ParseEvents(const std::string& text);

// "SEEN_REPLY,ASSURED", "UNSET" when none of the bits has a name.
std::string StatusText(uint32_t status);

// The name of a state of this protocol: the same, or the one that another name
// stands for; "NONE" is one that nothing has. InvalidArgument for a name that is not
// one, in capitals.
absl::StatusOr<std::string> ParseStateOf(uint8_t protocol, const std::string& text);

}  // namespace conntrack::cli
