// A tuple as the columns of lookups and packets have it.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "conntrack/v1/connection_service.pb.h"
#include "conntrack/v1/packet_batch.pb.h"

namespace conntrack::cli {

struct WireTuple {
  v1::PacketLayout layout = v1::PACKET_LAYOUT_IPV4;
  // Of IPv4.
  uint32_t source = 0;
  uint32_t destination = 0;
  // Of IPv6, 16 bytes in network byte order.
  std::string source_ipv6;
  std::string destination_ipv6;
  // As PacketBatch.ports.
  uint32_t ports = 0;

  // InvalidArgument, naming it, for what is not an address, and for two of different families.
  static absl::StatusOr<WireTuple> Of(const v1::ConnectionKey& key);

  // Adds a row to columns of this layout.
  template <typename Columns>
  void AddTo(Columns* columns) const {
    if (layout == v1::PACKET_LAYOUT_IPV4) {
      columns->add_source(source);
      columns->add_destination(destination);
    } else {
      columns->mutable_source_ipv6()->append(source_ipv6);
      columns->mutable_destination_ipv6()->append(destination_ipv6);
    }
    columns->add_ports(ports);
  }
};

}  // namespace conntrack::cli
