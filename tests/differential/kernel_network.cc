#include "tests/differential/kernel_network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"

namespace conntrack {
namespace {

// Locally administered; a0 and eb are who packets are for.
constexpr std::array<uint8_t, 6> kMacEntry = {0x02, 0, 0, 0, 0, 0x01};
constexpr std::array<uint8_t, 6> kMacSender = {0x02, 0, 0, 0, 0, 0x02};
constexpr char kInterfaces[] = R"(
link add a0 type veth peer name ea netns %1$s
link add b0 type veth peer name eb netns %1$s
link set a0 address 02:00:00:00:00:01
link set b0 address 02:00:00:00:00:03
link set a0 mtu 65535
link set b0 mtu 65535
link set a0 addrgenmode none
link set b0 addrgenmode none
link set a0 up
link set b0 up
neigh add fd00::2 lladdr 02:00:00:00:00:04 nud permanent dev b0
route add 0.0.0.0/0 via inet6 fd00::2 dev b0 onlink
route add ::/0 via fd00::2 dev b0 onlink
)";

constexpr char kEnds[] = R"(
link set ea address 02:00:00:00:00:02
link set eb address 02:00:00:00:00:04
link set ea mtu 65535
link set eb mtu 65535
link set ea arp off
link set eb arp off
link set ea addrgenmode none
link set eb addrgenmode none
link set ea up
link set eb up
)";

constexpr char kRules[] = R"(
table inet verdict {
  chain output {
    type filter hook output priority -400; policy drop;
  }
  chain forward {
    type filter hook forward priority 0;
    ct state new ip dscp set 1
    ct state established ct direction original ip dscp set 2
    ct state related ct direction original ip dscp set 3
    ct state established ct direction reply ip dscp set 10
    ct state related ct direction reply ip dscp set 11
    ct state invalid ip dscp set 4
    ct state untracked ip dscp set 5
    ct state new ip6 dscp set 1
    ct state established ct direction original ip6 dscp set 2
    ct state related ct direction original ip6 dscp set 3
    ct state established ct direction reply ip6 dscp set 10
    ct state related ct direction reply ip6 dscp set 11
    ct state invalid ip6 dscp set 4
    ct state untracked ip6 dscp set 5
  }
}
)";

absl::Status Errno(const std::string& what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", strerror(errno)));
}

absl::Status Write(const std::string& path, const std::string& value) {
  std::ofstream file(path);
  file << value << std::flush;
  if (!file) return absl::UnavailableError(absl::StrCat(path, " does not take ", value));
  return absl::OkStatus();
}

absl::Status Pipe(const char* command, const std::string& input) {
  FILE* pipe = popen(command, "w");
  if (pipe == nullptr) return Errno(command);
  fwrite(input.data(), 1, input.size(), pipe);
  const int status = pclose(pipe);
  if (status != 0) return absl::UnavailableError(absl::StrCat(command, " failed"));
  return absl::OkStatus();
}

std::string WithNamespace(const char* text, const std::string& path) {
  std::string made = text;
  for (size_t at = 0; (at = made.find("%1$s", at)) != std::string::npos;) {
    made.replace(at, 4, path);
  }
  return made;
}

absl::StatusOr<int> OpenPacketSocket(const char* interface, int protocol) {
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(static_cast<uint16_t>(protocol)));
  if (fd < 0) return Errno("socket(AF_PACKET)");
  sockaddr_ll address = {};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(static_cast<uint16_t>(protocol));
  address.sll_ifindex = static_cast<int>(if_nametoindex(interface));
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const absl::Status status = Errno(absl::StrCat("bind to ", interface));
    close(fd);
    return status;
  }
  return fd;
}

// The DSCP when the frame is a packet with this tag.
std::optional<uint8_t> DscpOf(std::span<const uint8_t> frame, uint16_t tag) {
  if (frame.size() < 14 + 20) return std::nullopt;
  const std::span<const uint8_t> packet = frame.subspan(14);
  if (packet[0] >> 4 == 4) {
    if ((packet[4] << 8 | packet[5]) != tag) return std::nullopt;
    return static_cast<uint8_t>(packet[1] >> 2);
  }
  if (packet[0] >> 4 != 6 || (packet[2] << 8 | packet[3]) != tag) return std::nullopt;
  return static_cast<uint8_t>((packet[0] & 0x0F) << 2 | packet[1] >> 6);
}

}  // namespace

absl::StatusOr<std::unique_ptr<KernelNetwork>> KernelNetwork::Create() {
  std::unique_ptr<KernelNetwork> network(new KernelNetwork);
  if (absl::Status status = network->SetUp(); !status.ok()) return status;
  return network;
}

KernelNetwork::~KernelNetwork() {
  if (send_socket_ >= 0) close(send_socket_);
  if (receive_socket_ >= 0) close(receive_socket_);
}

absl::Status KernelNetwork::SetUp() {
  if (unshare(CLONE_NEWNET) != 0) return Errno("a network namespace cannot be made");
  for (const char* path : {"/proc/sys/net/ipv6/conf/all/disable_ipv6",
                           "/proc/sys/net/ipv6/conf/default/disable_ipv6"}) {
    if (absl::Status status = Write(path, "1"); !status.ok()) return status;
  }
  const int ends = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (ends < 0) return Errno("/proc/self/ns/net");
  if (unshare(CLONE_NEWNET) != 0) return Errno("a network namespace cannot be made");
  const int gateway = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (gateway < 0) return Errno("/proc/self/ns/net");

  for (const char* name : {"net/ipv6/conf/all/accept_ra", "net/ipv6/conf/default/accept_ra",
                           "net/ipv4/conf/all/rp_filter", "net/ipv4/conf/default/rp_filter",
                           "net/ipv4/conf/all/send_redirects",
                           "net/ipv4/conf/default/send_redirects", "net/ipv4/ipfrag_max_dist"}) {
    if (absl::Status status = Write(absl::StrCat("/proc/sys/", name), "0"); !status.ok()) {
      return status;
    }
  }
  const std::string ends_path = absl::StrCat("/proc/", getpid(), "/fd/", ends);
  absl::Status status = Pipe("ip -batch -", WithNamespace(kInterfaces, ends_path));
  if (!status.ok()) return status;
  for (const char* name : {"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding",
                           "net/ipv4/conf/all/route_localnet"}) {
    if (status = Write(absl::StrCat("/proc/sys/", name), "1"); !status.ok()) return status;
  }
  if (status = Pipe("nft -f -", kRules); !status.ok()) return status;
  for (const char* name : {"nf_conntrack_events", "nf_conntrack_acct"}) {
    if (status = SetSysctl(name, "1"); !status.ok()) return status;
  }
  if (setns(ends, CLONE_NEWNET) != 0) return Errno("setns");
  status = Pipe("ip -batch -", kEnds);
  if (status.ok()) status = OpenWires(ends);
  if (setns(gateway, CLONE_NEWNET) != 0) return Errno("setns");
  close(ends);
  close(gateway);
  return status;
}

absl::Status KernelNetwork::OpenWires(int) {
  absl::StatusOr<int> fd = OpenPacketSocket("ea", 0);
  if (!fd.ok()) return fd.status();
  send_socket_ = *fd;
  fd = OpenPacketSocket("eb", ETH_P_ALL);
  if (!fd.ok()) return fd.status();
  receive_socket_ = *fd;
  return absl::OkStatus();
}

absl::Status KernelNetwork::SetSysctl(const std::string& name, const std::string& value) {
  return Write(absl::StrCat("/proc/sys/net/netfilter/", name), value);
}

std::optional<uint8_t> KernelNetwork::Receive(uint16_t tag) {
  std::array<uint8_t, 2048> buffer;
  while (true) {
    const ssize_t size = recv(receive_socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0) return std::nullopt;
    const auto dscp = DscpOf(std::span(buffer).first(static_cast<size_t>(size)), tag);
    if (dscp.has_value()) return dscp;
  }
}

std::optional<uint8_t> KernelNetwork::Forward(std::span<const uint8_t> packet, Family family,
                                              uint16_t tag, std::chrono::milliseconds patience) {
  // What an earlier packet left: the rest of its fragments.
  while (recv(receive_socket_, nullptr, 0, MSG_DONTWAIT) >= 0) {
  }
  std::vector<uint8_t> frame;
  frame.reserve(14 + packet.size());
  frame.insert(frame.end(), kMacEntry.begin(), kMacEntry.end());
  frame.insert(frame.end(), kMacSender.begin(), kMacSender.end());
  const uint16_t type = family == Family::kIpv4 ? ETHERTYPE_IP : ETHERTYPE_IPV6;
  frame.push_back(static_cast<uint8_t>(type >> 8));
  frame.push_back(static_cast<uint8_t>(type));
  frame.insert(frame.end(), packet.begin(), packet.end());
  if (send(send_socket_, frame.data(), frame.size(), 0) < 0) return std::nullopt;
  for (;;) {
    if (const std::optional<uint8_t> dscp = Receive(tag)) return dscp;
    // The machine may have put the delivery off to another thread.
    pollfd poller = {receive_socket_, POLLIN, 0};
    if (poll(&poller, 1, static_cast<int>(patience.count())) == 0) return std::nullopt;
  }
}

}  // namespace conntrack
