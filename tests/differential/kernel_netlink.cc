#include "tests/differential/kernel_netlink.h"

#include <arpa/inet.h>
#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "server/tracker/tuple.h"

namespace conntrack {
namespace {

constexpr int kEventBufferBytes = 64 << 20;
constexpr unsigned kEventGroups = 1u << (NFNLGRP_CONNTRACK_NEW - 1) |
                                  1u << (NFNLGRP_CONNTRACK_UPDATE - 1) |
                                  1u << (NFNLGRP_CONNTRACK_DESTROY - 1);

absl::Status Errno(const char* what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", strerror(errno)));
}

// The attributes of one nesting, by type.
template <size_t kCount>
using Attributes = std::array<const nlattr*, kCount>;

template <size_t kCount>
Attributes<kCount> AttributesBetween(const void* begin, const void* end) {
  Attributes<kCount> found = {};
  const auto* attribute = static_cast<const nlattr*>(begin);
  const auto left = [&] {
    return static_cast<int>(static_cast<const char*>(end) -
                            reinterpret_cast<const char*>(attribute));
  };
  for (; mnl_attr_ok(attribute, left()); attribute = mnl_attr_next(attribute)) {
    const size_t type = mnl_attr_get_type(attribute);
    if (type < kCount) found[type] = attribute;
  }
  return found;
}

template <size_t kCount>
Attributes<kCount> AttributesOf(const nlattr* nest) {
  const auto* payload = static_cast<const char*>(mnl_attr_get_payload(nest));
  return AttributesBetween<kCount>(payload, payload + mnl_attr_get_payload_len(nest));
}

Address AddressOf(const nlattr* attribute) {
  const auto* bytes = static_cast<const uint8_t*>(mnl_attr_get_payload(attribute));
  Address address;
  const size_t size = mnl_attr_get_payload_len(attribute);
  for (size_t i = 0; i < size; ++i) {
    address.high = address.high << 8 | address.low >> 56;
    address.low = address.low << 8 | bytes[i];
  }
  return address;
}

uint8_t U8(const nlattr* attribute) { return attribute ? mnl_attr_get_u8(attribute) : uint8_t{0}; }
uint16_t Be16(const nlattr* attribute) {
  return attribute ? ntohs(mnl_attr_get_u16(attribute)) : uint16_t{0};
}

SeenTuple TupleIn(const nlattr* nest) {
  SeenTuple tuple;
  const auto parts = AttributesOf<CTA_TUPLE_PROTO + 1>(nest);
  const auto ip = AttributesOf<CTA_IP_V6_DST + 1>(parts[CTA_TUPLE_IP]);
  const bool ipv4 = ip[CTA_IP_V4_SRC] != nullptr;
  tuple.family = ipv4 ? Family::kIpv4 : Family::kIpv6;
  tuple.source = AddressOf(ip[ipv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC]);
  tuple.destination = AddressOf(ip[ipv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST]);
  const auto protocol = AttributesOf<CTA_PROTO_ICMPV6_CODE + 1>(parts[CTA_TUPLE_PROTO]);
  tuple.protocol = U8(protocol[CTA_PROTO_NUM]);
  if (protocol[CTA_PROTO_ICMP_ID] != nullptr) {
    tuple.ports = IcmpWord(U8(protocol[CTA_PROTO_ICMP_TYPE]), U8(protocol[CTA_PROTO_ICMP_CODE]),
                           Be16(protocol[CTA_PROTO_ICMP_ID]));
  } else if (protocol[CTA_PROTO_ICMPV6_ID] != nullptr) {
    tuple.ports = IcmpWord(U8(protocol[CTA_PROTO_ICMPV6_TYPE]), U8(protocol[CTA_PROTO_ICMPV6_CODE]),
                           Be16(protocol[CTA_PROTO_ICMPV6_ID]));
  } else {
    tuple.ports = PortsWord(Be16(protocol[CTA_PROTO_SRC_PORT]), Be16(protocol[CTA_PROTO_DST_PORT]));
  }
  return tuple;
}

Counters CountersIn(const nlattr* nest) {
  const auto parts = AttributesOf<CTA_COUNTERS_BYTES + 1>(nest);
  const auto value = [&](size_t type) {
    return parts[type] ? be64toh(mnl_attr_get_u64(parts[type])) : uint64_t{0};
  };
  return {value(CTA_COUNTERS_PACKETS), value(CTA_COUNTERS_BYTES)};
}

void ReadSctp(const nlattr* nest, SeenConnection* seen) {
  const auto sctp = AttributesOf<CTA_PROTOINFO_SCTP_VTAG_REPLY + 1>(nest);
  seen->state = NameOf(static_cast<SctpState>(U8(sctp[CTA_PROTOINFO_SCTP_STATE])));
  if (sctp[CTA_PROTOINFO_SCTP_VTAG_ORIGINAL] == nullptr) return;
  seen->tags = {ntohl(mnl_attr_get_u32(sctp[CTA_PROTOINFO_SCTP_VTAG_ORIGINAL])),
                ntohl(mnl_attr_get_u32(sctp[CTA_PROTOINFO_SCTP_VTAG_REPLY]))};
}

void ReadProtocolPart(const nlattr* nest, SeenConnection* seen) {
  const auto protocols = AttributesOf<CTA_PROTOINFO_SCTP + 1>(nest);
  if (protocols[CTA_PROTOINFO_SCTP] != nullptr)
    return ReadSctp(protocols[CTA_PROTOINFO_SCTP], seen);
  if (protocols[CTA_PROTOINFO_TCP] == nullptr) return;
  const auto tcp = AttributesOf<CTA_PROTOINFO_TCP_FLAGS_REPLY + 1>(protocols[CTA_PROTOINFO_TCP]);
  seen->state = NameOf(static_cast<TcpState>(U8(tcp[CTA_PROTOINFO_TCP_STATE])));
  if (tcp[CTA_PROTOINFO_TCP_FLAGS_ORIGINAL] == nullptr) return;
  SeenWindows windows;
  windows.scale = {U8(tcp[CTA_PROTOINFO_TCP_WSCALE_ORIGINAL]),
                   U8(tcp[CTA_PROTOINFO_TCP_WSCALE_REPLY])};
  for (size_t i = 0; i < 2; ++i) {
    // Flags and mask, a byte each.
    windows.flags[i] = U8(tcp[CTA_PROTOINFO_TCP_FLAGS_ORIGINAL + i]) & kVisiblePeerFlags;
  }
  seen->windows = windows;
}

SeenConnection ConnectionIn(const nlmsghdr* message) {
  const auto parts = AttributesBetween<CTA_LABELS + 1>(
      mnl_nlmsg_get_payload_offset(message, sizeof(nfgenmsg)), mnl_nlmsg_get_payload_tail(message));
  SeenConnection seen;
  if (parts[CTA_TUPLE_ORIG] != nullptr) seen.original = TupleIn(parts[CTA_TUPLE_ORIG]);
  if (parts[CTA_STATUS] != nullptr) {
    seen.status = static_cast<uint16_t>(ntohl(mnl_attr_get_u32(parts[CTA_STATUS])));
  }
  if (parts[CTA_TIMEOUT] != nullptr) seen.timeout = ntohl(mnl_attr_get_u32(parts[CTA_TIMEOUT]));
  if (parts[CTA_PROTOINFO] != nullptr) ReadProtocolPart(parts[CTA_PROTOINFO], &seen);
  if (parts[CTA_COUNTERS_ORIG] != nullptr) {
    seen.counters = {CountersIn(parts[CTA_COUNTERS_ORIG]), {}};
    if (parts[CTA_COUNTERS_REPLY]) (*seen.counters)[1] = CountersIn(parts[CTA_COUNTERS_REPLY]);
  }
  return seen;
}

SeenEvent EventIn(const nlmsghdr* message) {
  SeenEvent event;
  const bool destroy = (message->nlmsg_type & 0xFF) == IPCTNL_MSG_CT_DELETE;
  const bool made = (message->nlmsg_flags & NLM_F_CREATE) != 0;
  event.type = destroy ? EventType::kDestroy : made ? EventType::kNew : EventType::kUpdate;
  event.connection = ConnectionIn(message);
  // A timeout that has run down is left out.
  if (!event.connection.timeout.has_value()) event.connection.timeout = 0;
  return event;
}

void PutAddress(nlmsghdr* message, uint16_t type, Family family, const Address& address) {
  std::array<uint8_t, 16> bytes;
  const uint64_t high = htobe64(address.high);
  const uint64_t low = htobe64(address.low);
  std::memcpy(bytes.data(), &high, 8);
  std::memcpy(bytes.data() + 8, &low, 8);
  if (family == Family::kIpv6) {
    mnl_attr_put(message, type, 16, bytes.data());
  } else {
    mnl_attr_put(message, type, 4, bytes.data() + 12);
  }
}

void PutTuple(nlmsghdr* message, const SeenTuple& tuple, Family family) {
  const bool ipv4 = family == Family::kIpv4;
  nlattr* nest = mnl_attr_nest_start(message, CTA_TUPLE_ORIG);
  nlattr* ip = mnl_attr_nest_start(message, CTA_TUPLE_IP);
  PutAddress(message, ipv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, family, tuple.source);
  PutAddress(message, ipv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, family, tuple.destination);
  mnl_attr_nest_end(message, ip);
  nlattr* protocol = mnl_attr_nest_start(message, CTA_TUPLE_PROTO);
  mnl_attr_put_u8(message, CTA_PROTO_NUM, tuple.protocol);
  if (IsIcmpOf(family, tuple.protocol)) {
    mnl_attr_put_u16(message, ipv4 ? CTA_PROTO_ICMP_ID : CTA_PROTO_ICMPV6_ID,
                     htons(IcmpId(tuple.ports)));
    mnl_attr_put_u8(message, ipv4 ? CTA_PROTO_ICMP_TYPE : CTA_PROTO_ICMPV6_TYPE,
                    IcmpType(tuple.ports));
    mnl_attr_put_u8(message, ipv4 ? CTA_PROTO_ICMP_CODE : CTA_PROTO_ICMPV6_CODE,
                    IcmpCode(tuple.ports));
  } else if (HasPorts(tuple.protocol) || tuple.protocol == kProtocolGre) {
    mnl_attr_put_u16(message, CTA_PROTO_SRC_PORT, htons(SourcePort(tuple.ports)));
    mnl_attr_put_u16(message, CTA_PROTO_DST_PORT, htons(DestinationPort(tuple.ports)));
  }
  mnl_attr_nest_end(message, protocol);
  mnl_attr_nest_end(message, nest);
}

nlmsghdr* PutHeader(void* buffer, uint16_t type, uint8_t family, uint32_t sequence) {
  nlmsghdr* message = mnl_nlmsg_put_header(buffer);
  message->nlmsg_type = static_cast<uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | type);
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  message->nlmsg_seq = sequence;
  auto* general = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(nfgenmsg)));
  general->nfgen_family = family;
  general->version = NFNETLINK_V0;
  general->res_id = 0;
  return message;
}

}  // namespace

absl::StatusOr<std::unique_ptr<KernelNetlink>> KernelNetlink::Create() {
  std::unique_ptr<KernelNetlink> made(new KernelNetlink);
  made->events_ = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
  made->query_ = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
  if (made->events_ == nullptr || made->query_ == nullptr) return Errno("netlink socket");
  if (mnl_socket_bind(made->events_, kEventGroups, MNL_SOCKET_AUTOPID) < 0 ||
      mnl_socket_bind(made->query_, 0, MNL_SOCKET_AUTOPID) < 0) {
    return Errno("netlink bind");
  }
  if (setsockopt(mnl_socket_get_fd(made->events_), SOL_SOCKET, SO_RCVBUFFORCE, &kEventBufferBytes,
                 sizeof(kEventBufferBytes)) != 0) {
    return Errno("SO_RCVBUFFORCE");
  }
  return made;
}

KernelNetlink::~KernelNetlink() {
  if (events_ != nullptr) mnl_socket_close(events_);
  if (query_ != nullptr) mnl_socket_close(query_);
}

absl::StatusOr<std::vector<SeenEvent>> KernelNetlink::TakeEvents() {
  std::vector<SeenEvent> events;
  alignas(nlmsghdr) std::array<char, 16'384> buffer;
  while (true) {
    const ssize_t received = mnl_socket_recvfrom(events_, buffer.data(), buffer.size());
    if (received < 0) {
      if (errno == EAGAIN) return events;
      if (errno == ENOBUFS) return absl::DataLossError("the kernel dropped events");
      return Errno("netlink receive");
    }
    int left = static_cast<int>(received);
    for (const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
         mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_type >> 8 != NFNL_SUBSYS_CTNETLINK) continue;
      events.push_back(EventIn(message));
    }
  }
}

absl::StatusOr<std::optional<SeenConnection>> KernelNetlink::Request(const void* message,
                                                                     size_t size) {
  if (mnl_socket_sendto(query_, message, size) < 0) return Errno("netlink send");
  alignas(nlmsghdr) std::array<char, 16'384> buffer;
  std::optional<SeenConnection> found;
  while (true) {
    const ssize_t received = mnl_socket_recvfrom(query_, buffer.data(), buffer.size());
    if (received < 0) return Errno("netlink receive");
    int left = static_cast<int>(received);
    for (const auto* answer = reinterpret_cast<const nlmsghdr*>(buffer.data());
         mnl_nlmsg_ok(answer, left); answer = mnl_nlmsg_next(answer, &left)) {
      if (answer->nlmsg_seq != sequence_) continue;
      if (answer->nlmsg_type != NLMSG_ERROR) {
        found = ConnectionIn(answer);
        continue;
      }
      const int error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(answer))->error;
      if (error == 0) return found;
      // EINVAL: nothing can have such a name.
      if (error == -ENOENT || error == -EINVAL) return std::nullopt;
      return absl::UnavailableError(absl::StrCat("ctnetlink answers ", strerror(-error)));
    }
  }
}

absl::StatusOr<std::optional<SeenConnection>> KernelNetlink::Get(const SeenTuple& tuple,
                                                                 Family family) {
  alignas(nlmsghdr) std::array<char, 512> buffer;
  nlmsghdr* message = PutHeader(buffer.data(), IPCTNL_MSG_CT_GET,
                                family == Family::kIpv4 ? AF_INET : AF_INET6, ++sequence_);
  PutTuple(message, tuple, family);
  return Request(message, message->nlmsg_len);
}

absl::StatusOr<std::vector<SeenConnection>> KernelNetlink::List() {
  alignas(nlmsghdr) std::array<char, 512> request;
  nlmsghdr* message = PutHeader(request.data(), IPCTNL_MSG_CT_GET, AF_UNSPEC, ++sequence_);
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  if (mnl_socket_sendto(query_, message, message->nlmsg_len) < 0) return Errno("netlink send");
  std::vector<SeenConnection> connections;
  alignas(nlmsghdr) std::array<char, 32'768> buffer;
  while (true) {
    const ssize_t received = mnl_socket_recvfrom(query_, buffer.data(), buffer.size());
    if (received < 0) return Errno("netlink receive");
    int left = static_cast<int>(received);
    for (const auto* answer = reinterpret_cast<const nlmsghdr*>(buffer.data());
         mnl_nlmsg_ok(answer, left); answer = mnl_nlmsg_next(answer, &left)) {
      if (answer->nlmsg_seq != sequence_) continue;
      if (answer->nlmsg_type == NLMSG_DONE) return connections;
      if (answer->nlmsg_type == NLMSG_ERROR)
        return absl::UnavailableError("no list of connections");
      connections.push_back(ConnectionIn(answer));
    }
  }
}

absl::Status KernelNetlink::Flush() {
  alignas(nlmsghdr) std::array<char, 512> buffer;
  nlmsghdr* message = PutHeader(buffer.data(), IPCTNL_MSG_CT_DELETE, AF_UNSPEC, ++sequence_);
  if (const auto done = Request(message, message->nlmsg_len); !done.ok()) return done.status();
  return TakeEvents().status();
}

}  // namespace conntrack
