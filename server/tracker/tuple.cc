#include "server/tracker/tuple.h"

#include <array>

namespace conntrack {
namespace {

struct IcmpPair {
  uint8_t query;
  uint8_t answer;
};
// Echo, timestamp, information, address mask (RFC 792, RFC 950).
constexpr std::array<IcmpPair, 4> kIcmpPairs = {{{8, 0}, {13, 14}, {15, 16}, {17, 18}}};
// Echo (RFC 4443), node information (RFC 4620).
constexpr std::array<IcmpPair, 2> kIcmpv6Pairs = {{{128, 129}, {139, 140}}};

template <size_t kSize>
std::optional<uint8_t> InverseIn(const std::array<IcmpPair, kSize>& pairs, uint8_t type) {
  for (const IcmpPair& pair : pairs) {
    if (type == pair.query) return pair.answer;
    if (type == pair.answer) return pair.query;
  }
  return std::nullopt;
}

}  // namespace

std::optional<uint8_t> InverseIcmpType(Family family, uint8_t type) {
  return family == Family::kIpv4 ? InverseIn(kIcmpPairs, type) : InverseIn(kIcmpv6Pairs, type);
}

bool IsIcmpQuery(Family family, uint8_t type) {
  if (family == Family::kIpv4) return type == 8 || type == 13 || type == 15 || type == 17;
  return type == 128 || type == 139;
}

std::optional<DirectedKey> MakeIcmpKey(ZoneIndex zone, Family family, uint8_t protocol,
                                       const Address& source, const Address& destination,
                                       uint32_t ports) {
  const uint8_t type = IcmpType(ports);
  const std::optional<uint8_t> inverse = InverseIcmpType(family, type);
  if (!inverse.has_value()) return std::nullopt;
  if (IsIcmpQuery(family, type)) {
    return DirectedKey{{source, destination, ports, zone, protocol, family}, true};
  }
  const uint32_t asked = IcmpWord(*inverse, IcmpCode(ports), IcmpId(ports));
  return DirectedKey{{destination, source, asked, zone, protocol, family}, false};
}

}  // namespace conntrack
