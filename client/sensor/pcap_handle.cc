#include "client/sensor/pcap_handle.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace conntrack::sensor {

absl::StatusOr<LinkType> LinkTypeOf(pcap_t* pcap) {
  const int type = pcap_datalink(pcap);
  switch (type) {
    case DLT_EN10MB:
      return LinkType::kEthernet;
    case DLT_LINUX_SLL:
      return LinkType::kLinuxCooked;
    case DLT_LINUX_SLL2:
      return LinkType::kLinuxCooked2;
    case DLT_RAW:
      return LinkType::kRawIp;
    case DLT_IPV4:
      return LinkType::kRawIpv4;
    case DLT_IPV6:
      return LinkType::kRawIpv6;
    case DLT_NULL:
      return LinkType::kNull;
    case DLT_LOOP:
      return LinkType::kLoop;
    case DLT_NFLOG:
      return LinkType::kNflog;
    default: {
      const char* name = pcap_datalink_val_to_name(type);
      return absl::UnimplementedError(absl::StrCat("link type ", type, " (",
                                                   name == nullptr ? "without a name" : name,
                                                   ") is not one the sensor reads"));
    }
  }
}

absl::Status SetFilter(const std::string& filter, pcap_t* pcap) {
  if (filter.empty()) return absl::OkStatus();
  bpf_program program{};
  if (pcap_compile(pcap, &program, filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("filter \"", filter, "\": ", pcap_geterr(pcap)));
  }
  const int set = pcap_setfilter(pcap, &program);
  pcap_freecode(&program);
  if (set == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("filter \"", filter, "\": ", pcap_geterr(pcap)));
}

}  // namespace conntrack::sensor
