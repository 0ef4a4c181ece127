// What files and interfaces share of libpcap: link types and filters.
#pragma once

#include <pcap/pcap.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/sensor/link_layer.h"

namespace conntrack::sensor {

// Unimplemented, naming the type, when the decoder does not read it.
absl::StatusOr<LinkType> LinkTypeOf(pcap_t* pcap);

// From now on `pcap` gives only frames that match `filter` (pcap-filter(7));
// all of them when it is empty. InvalidArgument when it does not compile.
absl::Status SetFilter(const std::string& filter, pcap_t* pcap);

}  // namespace conntrack::sensor
