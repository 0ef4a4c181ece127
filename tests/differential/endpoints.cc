// Addresses of conversations: unique by number, in an order that varies, since
// a tracker's keys put the lower address first.
#include "tests/differential/conversation.h"

namespace conntrack {

Endpoints MakeEndpoints(Family family, uint32_t number, Random* random) {
  Endpoints made;
  made.family = family;
  made.client_port = static_cast<uint16_t>(1 + random->Below(65'000));
  made.server_port =
      random->Percent(10) ? made.client_port : static_cast<uint16_t>(1 + random->Below(65'535));
  const uint32_t turn = random->Below(4);
  for (uint32_t role = 0; role < kRoles; ++role) {
    // 16.0.0.0 to 31.255.255.255: routed, and of no meaning to a kernel.
    const uint32_t low = 0x10000000u | ((role + turn) % 4) << 22 | (number & 0x3FFFFF);
    made.address[role] =
        family == Family::kIpv4 ? Ipv4Address(low) : Address{0x20010DB8'00000000, low};
  }
  return made;
}

}  // namespace conntrack
